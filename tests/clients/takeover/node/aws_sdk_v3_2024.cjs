// One signed request of the SDK for JavaScript v3 as it was in 2024; see tests/real/takeover.

"use strict";

const { S3Client, ListBucketsCommand } = require("aws-sdk-client-s3-2024");

new S3Client({ forcePathStyle: true, endpoint: process.env.AWS_ENDPOINT_URL_S3 }).send(new ListBucketsCommand({})).then(console.log, (failure) => {
  console.error(failure);
  process.exit(1);
});
