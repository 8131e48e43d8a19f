import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.s3.AmazonS3ClientBuilder;

/** One signed request of the SDK for Java v1; see tests/real/takeover. */
class JavaV1 {
    public static void main(String[] arguments) {
        String endpoint = System.getenv("AWS_ENDPOINT_URL_S3");
        AmazonS3ClientBuilder.standard()
                .withEndpointConfiguration(new EndpointConfiguration(endpoint, System.getenv("AWS_REGION")))
                .withPathStyleAccessEnabled(true)
                .build()
                .listBuckets();
    }
}
