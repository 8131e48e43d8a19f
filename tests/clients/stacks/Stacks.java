import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/** One GET by one HTTP client of Java; prints the runtime's version. See measure.py. */
class Stacks {
    public static void main(String[] arguments) throws Exception {
        URI url = URI.create(arguments[1]);
        if (arguments[0].equals("HttpClient")) {
            HttpRequest request = HttpRequest.newBuilder(url).header("Authorization", arguments[2]).build();
            HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
        } else {
            HttpURLConnection connection = (HttpURLConnection) url.toURL().openConnection();
            connection.setRequestProperty("Authorization", arguments[2]);
            connection.getInputStream().readAllBytes();
        }
        System.out.println(Runtime.version());
    }
}
