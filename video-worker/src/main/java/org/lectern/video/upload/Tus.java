package org.lectern.video.upload;

/** Names of the tus protocol. */
final class Tus {

    static final String RESUMABLE = "Tus-Resumable";
    static final String VERSION = "Tus-Version";
    static final String EXTENSION = "Tus-Extension";
    static final String MAX_SIZE = "Tus-Max-Size";
    static final String CHECKSUM_ALGORITHM = "Tus-Checksum-Algorithm";
    static final String UPLOAD_LENGTH = "Upload-Length";
    static final String UPLOAD_OFFSET = "Upload-Offset";
    static final String UPLOAD_METADATA = "Upload-Metadata";
    static final String UPLOAD_CHECKSUM = "Upload-Checksum";
    static final String UPLOAD_EXPIRES = "Upload-Expires";
    static final String UPLOAD_CONCAT = "Upload-Concat";
    static final String UPLOAD_DEFER_LENGTH = "Upload-Defer-Length";
    static final String METHOD_OVERRIDE = "X-HTTP-Method-Override";

    static final String EXTENSIONS = "creation,creation-with-upload,termination,checksum,expiration,concatenation";
    static final String CHECKSUM_ALGORITHMS = "sha1,sha256,md5";
    static final String BODY = "application/offset+octet-stream";

    private Tus() {}
}
