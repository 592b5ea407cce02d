// What a front-end's developer writes with the types generated from the contract; run by test_clients.py.
// Arguments: the server's address and a front-end's token. Prints the case number.
import createClient from "openapi-fetch";
import type { components, paths, webhooks } from "./onenet.js";

type Submission = components["schemas"]["CaseSubmission"];
type Completed = webhooks["case.completed"]["post"]["requestBody"]["content"]["application/json"];

const [url, token] = process.argv.slice(2) as [string, string];
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });

const submission: Submission = {
  bundle: "newborn",
  jurisdiction: "kunshan",
  applicant: {
    name: "示例一",
    kind: "natural_person",
    id_type: "resident_identity_card",
    id_no: "320599199201010024",
  },
  answers: {
    applicant_role: "mother",
    child_age: "within_limit",
    married: true,
    local_household: false,
    maternity_insured: false,
    guidance: false,
  },
  form: {
    child_name: "示例宝",
    child_sex: "female",
    child_born_on: "2026-11-11",
    birth_facility: "示例妇幼保健院",
    birth_weight_g: 3250,
    gestation_weeks: 39,
    other_parent_name: "示例二",
    other_parent_id_no: "320599199102020024",
    home_address: "示例路 1 号 101 室",
  },
  materials: [
    { code: "newborn_record", reference: "sample/newborn_record" },
    { code: "informed_consent", reference: "sample/informed_consent" },
  ],
};

const { data, error } = await client.POST("/v1/cases", {
  params: { header: { "Onenet-Subject": "citizen-1", "Idempotency-Key": crypto.randomUUID() } },
  body: submission,
});
if (error || !data) throw new Error(JSON.stringify(error));

export const seqOf = (message: Completed): unknown => message.data["seq"];
console.log(data.number);
