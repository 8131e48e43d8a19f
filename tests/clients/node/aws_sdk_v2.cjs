// The JavaScript SDK v2 (out of support, still deployed) with its default chain. It asks the endpoint again when
// less than 15 seconds are left, so each worker makes a new client every second. It knows no variable for
// the endpoint of S3, which is therefore an argument.

"use strict";

process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = "1";

const S3 = require("aws-sdk/clients/s3");
const { underLoad } = require("./load.cjs");

underLoad((worker, bucket) => {
  const s3 = new S3({ endpoint: process.env.AWS_ENDPOINT_URL_S3, s3ForcePathStyle: true });
  const object = { Bucket: bucket, Key: `js-v2/${worker}` };
  const body = "written by the JavaScript SDK v2";
  return async () => {
    await s3.putObject({ ...object, Body: body }).promise();
    const answer = await s3.getObject(object).promise();
    const read = answer.Body.toString();
    if (read !== body) throw new Error(`read ${read}`);
  };
});
