import pytest

from onenet.domain.identifiers import is_identity_number, is_uscc, normalise_identity_number


@pytest.mark.parametrize(
    "number",
    [
        "11010519491231002X",
        "11010519491231002x",
        "440524188001010014",  # the sample in GB 11643: its holder was born in 1880
        "810000199408230021",  # residence permit, Hong Kong
        "830000199201300022",  # residence permit, Taiwan
    ],
)
def test_a_number_with_its_check_character_is_accepted(number: str) -> None:
    assert is_identity_number(number)


@pytest.mark.parametrize(
    "number",
    [
        "110105194912310021",
        "1101051949123100X",
        "11010519491231002X\n",
        "１１０１０５１９４９１２３１００２X",
        "٤٤٠٥٢٤١٨٨٠٠١٠١٠٠١٤",
        "X10105194912310021",
        "",
        "x",
    ],
)
def test_any_other_text_is_no_identity_number(number: str) -> None:
    assert not is_identity_number(number)


def test_a_final_small_x_is_stored_as_a_capital() -> None:
    assert normalise_identity_number("11010519491231002x") == "11010519491231002X"
    assert normalise_identity_number("440524188001010014") == "440524188001010014"


def test_one_wrong_digit_is_found_wherever_it_is() -> None:
    right = "440524188001010014"
    for place in range(17):
        for digit in "0123456789":
            wrong = right[:place] + digit + right[place + 1 :]
            assert is_identity_number(wrong) == (wrong == right)


@pytest.mark.parametrize("code", ["91110000600037341L", "11440232MB2D06811W"])
def test_a_social_credit_code_with_its_check_character_is_accepted(code: str) -> None:
    assert is_uscc(code)


@pytest.mark.parametrize(
    "code", ["9111000060003734IL", "91110000600037341l", "91110000600037342L", "", "9" * 18]
)
def test_any_other_text_is_no_social_credit_code(code: str) -> None:
    assert not is_uscc(code)
