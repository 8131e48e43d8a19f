import io.minio.MinioClient;
import io.minio.credentials.AwsConfigProvider;
import io.minio.credentials.AwsEnvironmentProvider;
import io.minio.credentials.ChainedProvider;
import io.minio.credentials.IamAwsProvider;
import io.minio.credentials.MinioEnvironmentProvider;

/** One signed request of MinIO's client for Java, with a chain of all that it has; see tests/real/takeover. */
class MinioJava {
    public static void main(String[] arguments) throws Exception {
        ChainedProvider chain =
                new ChainedProvider(
                        new AwsEnvironmentProvider(),
                        new MinioEnvironmentProvider(),
                        new AwsConfigProvider(null, null),
                        new IamAwsProvider(null, null));
        MinioClient.builder()
                .endpoint(System.getenv("AWS_ENDPOINT_URL_S3"))
                .region(System.getenv("AWS_REGION"))
                .credentialsProvider(chain)
                .build()
                .listBuckets();
    }
}
