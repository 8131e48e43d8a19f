// The JavaScript SDK v3 with its default chain. It asks the endpoint again when less than 5 minutes are left, so
// each worker makes a new client every second, as functions that make one per request do.

"use strict";

const { S3Client, PutObjectCommand, GetObjectCommand } = require("@aws-sdk/client-s3");
const { underLoad } = require("./load.cjs");

underLoad((worker, bucket) => {
  const s3 = new S3Client({ forcePathStyle: true });
  const object = { Bucket: bucket, Key: `js-v3/${worker}` };
  const body = "written by the JavaScript SDK v3";
  return async () => {
    await s3.send(new PutObjectCommand({ ...object, Body: body }));
    const answer = await s3.send(new GetObjectCommand(object));
    const read = await answer.Body.transformToString();
    if (read !== body) throw new Error(`read ${read}`);
  };
});
