/** Parts of a multipart upload have five mebibytes at least (https://developers.cloudflare.com/r2/objects/upload-objects/). */
const partBytes = 8 * 1024 * 1024;

/** Stores a stream of unknown length in constant memory: whole if it fits in one part, else part by part. */
export async function putStream(bucket: R2Bucket, key: string, stream: ReadableStream<Uint8Array>): Promise<void> {
  let held: Uint8Array[] = [];
  let size = 0;
  let upload: R2MultipartUpload | null = null;
  const parts: R2UploadedPart[] = [];
  const options = { httpMetadata: { contentType: "application/x-ndjson", contentEncoding: "gzip" } };
  try {
    for await (const chunk of stream) {
      held.push(chunk);
      size += chunk.byteLength;
      if (size < partBytes) continue;
      upload ??= await bucket.createMultipartUpload(key, options);
      parts.push(await upload.uploadPart(parts.length + 1, Buffer.concat(held)));
      held = [];
      size = 0;
    }
    if (upload === null) {
      await bucket.put(key, Buffer.concat(held), options);
      return;
    }
    if (size > 0) parts.push(await upload.uploadPart(parts.length + 1, Buffer.concat(held)));
    await upload.complete(parts);
  } catch (error) {
    await upload?.abort();
    throw error;
  }
}
