import aws.sdk.kotlin.services.s3.S3Client;
import aws.sdk.kotlin.services.s3.model.ListBucketsRequest;
import aws.smithy.kotlin.runtime.net.url.Url;
import aws.smithy.kotlin.runtime.net.url.UrlEncoding;
import kotlin.Unit;
import kotlin.coroutines.EmptyCoroutineContext;
import kotlinx.coroutines.BuildersKt;

/** One signed request of the SDK for Kotlin, called from Java, which needs no other compiler; see tests/real/takeover. */
class Kotlin {
    public static void main(String[] arguments) throws Exception {
        S3Client client = S3Client.Companion.invoke(builder -> {
            builder.setRegion(System.getenv("AWS_REGION"));
            builder.setEndpointUrl(Url.Companion.parse(System.getenv("AWS_ENDPOINT_URL_S3"), UrlEncoding.Companion.getAll()));
            builder.setForcePathStyle(true);
            return Unit.INSTANCE;
        });
        ListBucketsRequest request = ListBucketsRequest.Companion.invoke(builder -> Unit.INSTANCE);
        BuildersKt.runBlocking(EmptyCoroutineContext.INSTANCE, (scope, continuation) -> client.listBuckets(request, continuation));
    }
}
