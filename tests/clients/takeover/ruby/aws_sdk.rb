# One signed request of the SDK for Ruby; see tests/real/takeover.

require "aws-sdk-s3"

puts Aws::S3::Client.new(endpoint: ENV.fetch("AWS_ENDPOINT_URL_S3"), force_path_style: true).list_buckets
