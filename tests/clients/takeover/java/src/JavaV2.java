import java.net.URI;
import software.amazon.awssdk.services.s3.S3Client;

/** One signed request of the SDK for Java v2; see tests/real/takeover. */
class JavaV2 {
    public static void main(String[] arguments) {
        URI endpoint = URI.create(System.getenv("AWS_ENDPOINT_URL_S3"));
        S3Client.builder().endpointOverride(endpoint).forcePathStyle(true).build().listBuckets();
    }
}
