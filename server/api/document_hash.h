// A name for the content of a document: its ETag, and the `hash` in the URLs of OpenAPI documents.
#pragma once

#include <string>
#include <string_view>

namespace server::api {

/// The same for the same bytes on every replica; 16 hexadecimal digits. 64-bit FNV-1a: a client compares only the
/// versions of one document, which nobody crafts, so this need not be cryptographic as Go's SHA-512 is.
std::string DocumentHash(std::string_view document);

}  // namespace server::api
