// A department's end: takes signed tasks, answers 202, calls back when it has decided. Nothing but the JDK, 17 or newer.

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Receiver {
    static final Map<String, String> SETTINGS = System.getenv();
    static final byte[] KEY = Base64.getDecoder().decode(SETTINGS.get("SIGNING_SECRET").replaceFirst("^whsec_", ""));
    static final URI CALLBACK_URL = URI.create(SETTINGS.get("CALLBACK_URL")); // http://127.0.0.1:8000/v1/callbacks/<department>
    static final Path FOLDER = Path.of(SETTINGS.getOrDefault("FOLDER", "department"));
    static final Path PLANNED = FOLDER.resolve("planned"); // a file for each callback that has no answer yet
    static final Path ANSWERED = FOLDER.resolve("answered"); // and for each that has
    static final int LARGEST_BODY = 262_144; // onenet sends no more
    static final HttpClient CLIENT = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(3)).build();

    /**
     * Plans what this department will say of the task: put your work here. This one grants everything.
     * `body` is the message in JSON, for the library that your system reads JSON with; `task` is its key.
     */
    static void take(String task, byte[] body) throws IOException {
        say(task, 1, "\"outcome\": \"accepted\", \"opinion\": \"同意受理\"");
        say(task, 2, "\"outcome\": \"completed\", \"opinion\": \"准予办理\"");
    }

    /** Plans one callback. Its id follows from task and seq: a task that comes twice changes nothing. */
    static synchronized void say(String task, int seq, String outcome) throws IOException {
        String id = task + "_" + seq;
        if (Files.exists(PLANNED.resolve(id)) || Files.exists(ANSWERED.resolve(id))) return;
        String message = """
            {"type": "task.outcome", "timestamp": "%s", "data": {"task": "%s", "seq": %d, %s}}
            """.strip().formatted(Instant.now(), task, seq, outcome);
        Path half = FOLDER.resolve(id);
        try (FileChannel file = FileChannel.open(
                half, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            file.write(ByteBuffer.wrap(message.getBytes(UTF_8)));
            file.force(true);
        }
        Files.move(half, PLANNED.resolve(id), ATOMIC_MOVE); // whole or not at all
        try (FileChannel names = FileChannel.open(PLANNED)) {
            names.force(true); // its name is on disk too, whatever happens to the power
        }
    }

    /** Sends what is planned, in order, until each has its answer; after a restart, too. */
    static void keepCallingBack() throws Exception {
        while (true) {
            List<Path> planned;
            try (var files = Files.list(PLANNED)) {
                planned = files.sorted().toList();
            }
            for (Path file : planned) {
                String id = file.getFileName().toString();
                int status = callBack(id, Files.readAllBytes(file));
                System.out.println(id + " " + status);
                if (status == 401 || status == 408 || status == 429 || status >= 500) break; // again; every other answer is final
                Files.move(file, ANSWERED.resolve(id), ATOMIC_MOVE);
            }
            Thread.sleep(1000);
        }
    }

    static int callBack(String id, byte[] body) throws Exception {
        String now = String.valueOf(Instant.now().getEpochSecond()); // each try is signed anew, under the same id
        HttpRequest request = HttpRequest.newBuilder(CALLBACK_URL)
            .timeout(Duration.ofSeconds(10))
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", sign(id, now, body))
            .POST(HttpRequest.BodyPublishers.ofByteArray(body))
            .build();
        try {
            return CLIENT.send(request, BodyHandlers.discarding()).statusCode();
        } catch (IOException nobodyThere) {
            return 503; // as if onenet had said "not now"
        }
    }

    /** Standard Webhooks v1: HMAC-SHA256 over the id, the time and the body as it is sent. */
    static String sign(String id, String timestamp, byte[] body) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(KEY, "HmacSHA256"));
        mac.update((id + "." + timestamp + ".").getBytes(UTF_8));
        return "v1," + Base64.getEncoder().encodeToString(mac.doFinal(body));
    }

    static boolean isGenuine(Headers headers, byte[] body) throws GeneralSecurityException {
        String id = first(headers, "webhook-id");
        String timestamp = first(headers, "webhook-timestamp");
        if (!timestamp.matches("[0-9]{1,11}")) return false;
        if (Math.abs(Instant.now().getEpochSecond() - Long.parseLong(timestamp)) > 300) return false;
        byte[] wanted = sign(id, timestamp, body).getBytes(UTF_8);
        boolean genuine = false;
        for (String entry : first(headers, "webhook-signature").split(" ")) { // several while a secret is changed
            genuine |= MessageDigest.isEqual(wanted, entry.getBytes(UTF_8)); // in constant time
        }
        return genuine;
    }

    static String first(Headers headers, String name) {
        String value = headers.getFirst(name);
        return value == null ? "" : value;
    }

    static void receive(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] body = exchange.getRequestBody().readNBytes(LARGEST_BODY + 1);
            exchange.sendResponseHeaders(status(exchange.getRequestHeaders(), body), -1);
        }
    }

    static int status(Headers headers, byte[] body) {
        try {
            if (body.length > LARGEST_BODY) return 413;
            if (!isGenuine(headers, body)) return 401;
            String key = first(headers, "webhook-id"); // signed as well; that of a task is the task's
            if (key.matches("tsk_[0-9A-Z]{26}")) take(key, body); // on disk before the answer: a 2xx is a promise
            return 202;
        } catch (IOException | GeneralSecurityException error) {
            error.printStackTrace();
            return 503; // onenet sends it again
        }
    }

    public static void main(String[] words) throws Exception {
        Files.createDirectories(PLANNED);
        Files.createDirectories(ANSWERED);
        int port = Integer.parseInt(SETTINGS.getOrDefault("PORT", "9000"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.createContext("/", Receiver::receive);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
        keepCallingBack();
    }
}
