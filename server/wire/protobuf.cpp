#include "server/wire/protobuf.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace server::wire {
namespace {

/// Appends fields in the order of the calls.
class MessageWriter {
 public:
  explicit MessageWriter(std::string& out) : out_(out) {}

  void Varint(int field, std::int64_t value) { Begin(field, 0, static_cast<std::uint64_t>(value)); }

  void Bytes(int field, std::string_view value) {
    Begin(field, 2, value.size());
    out_ += value;
  }

  void Strings(int field, const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      Bytes(field, value);
    }
  }

  /// `write_fields` writes the nested message's fields; its length is put in front afterwards.
  template <typename WriteFields>
  void Message(int field, WriteFields write_fields) {
    Begin(field, 2, 0);
    const std::size_t begin = out_.size();
    write_fields();
    const Varints length(out_.size() - begin);
    out_.replace(begin - 1, 1, length.text());
  }

 private:
  /// A few in a row.
  class Varints {
   public:
    template <typename... Values>
    explicit Varints(Values... values) {
      (Add(values), ...);
    }

    std::string_view text() const { return {bytes_.data(), size_}; }

   private:
    void Add(std::uint64_t value) {
      while (value >= 0x80) {
        bytes_[size_++] = static_cast<char>(value | 0x80U);
        value >>= 7U;
      }
      bytes_[size_++] = static_cast<char>(value);
    }

    std::array<char, 20> bytes_;  // Of two values at most.
    std::size_t size_ = 0;
  };

  /// The tag of a field and its value or length.
  void Begin(int field, unsigned wire_type, std::uint64_t value) {
    out_ += Varints(static_cast<std::uint64_t>(field) << 3U | wire_type, value).text();
  }

  std::string& out_;
};

/// runtime.Unknown around `raw`, as the media type demands.
template <typename WriteFields>
std::string Document(std::string_view kind, std::string_view api_version, WriteFields write_fields) {
  std::string out("k8s\0", 4);
  out.reserve(1024);
  MessageWriter unknown(out);
  unknown.Message(1, [&] {
    unknown.Bytes(1, api_version);
    unknown.Bytes(2, kind);
  });
  unknown.Message(2, [&] { write_fields(unknown); });
  unknown.Bytes(3, "");
  unknown.Bytes(4, "");
  return out;
}

void WriteEmptyListMeta(MessageWriter& message) {
  message.Message(1, [&] {
    message.Bytes(1, "");  // selfLink
    message.Bytes(2, "");  // resourceVersion
    message.Bytes(3, "");  // continue
  });
}

void WriteItem(MessageWriter& message, const ExternalMetricValue& item) {
  message.Bytes(1, item.metric_name);
  for (const auto& label : item.metric_labels) {
    message.Message(2, [&] {
      message.Bytes(1, label.first);
      message.Bytes(2, label.second);
    });
  }
  message.Message(3, [&] {
    message.Varint(1, item.timestamp.time_since_epoch().count());
    message.Varint(2, 0);
  });
  message.Message(5, [&] { message.Bytes(1, item.value); });
}

void WriteDetails(MessageWriter& message, const StatusDetails& details) {
  message.Bytes(1, details.name);
  message.Bytes(2, details.group);
  message.Bytes(3, details.kind);
  for (const StatusCause& cause : details.causes) {
    message.Message(4, [&] {
      message.Bytes(1, cause.reason);
      message.Bytes(2, cause.message);
      message.Bytes(3, cause.field);
    });
  }
  message.Varint(5, 0);  // retryAfterSeconds
  message.Bytes(6, "");  // uid
}

void WriteGroupVersion(MessageWriter& message, int field, const GroupVersionForDiscovery& version) {
  message.Message(field, [&] {
    message.Bytes(1, version.group_version);
    message.Bytes(2, version.version);
  });
}

void WriteGroup(MessageWriter& message, const ApiGroup& group) {
  message.Bytes(1, group.name);
  for (const GroupVersionForDiscovery& version : group.versions) {
    WriteGroupVersion(message, 2, version);
  }
  WriteGroupVersion(message, 3, group.preferred_version);
}

void WriteResource(MessageWriter& message, const ApiResource& resource) {
  message.Bytes(1, resource.name);
  message.Varint(2, 1);  // namespaced
  message.Bytes(3, resource.kind);
  message.Message(4, [&] { message.Strings(1, resource.verbs); });
  message.Bytes(6, "");   // singularName
  message.Bytes(8, "");   // group
  message.Bytes(9, "");   // version
  message.Bytes(10, "");  // storageVersionHash
}

void WriteObjectMeta(MessageWriter& message, std::string_view name) {
  message.Bytes(1, name);
  message.Bytes(2, "");  // generateName
  message.Bytes(3, "");  // namespace
  message.Bytes(4, "");  // selfLink
  message.Bytes(5, "");  // uid
  message.Bytes(6, "");  // resourceVersion
  message.Varint(7, 0);  // generation
  message.Bytes(8, "");  // creationTimestamp
}

void WriteVersionDiscovery(MessageWriter& message, const ApiVersionDiscovery& version) {
  message.Bytes(1, version.version);
  for (const ApiResourceDiscovery& resource : version.resources) {
    message.Message(2, [&] {
      message.Bytes(1, resource.resource);
      message.Message(2, [&] {
        message.Bytes(1, resource.response_kind.group);
        message.Bytes(2, resource.response_kind.version);
        message.Bytes(3, resource.response_kind.kind);
      });
      message.Bytes(3, "Namespaced");
      message.Bytes(4, "");  // singularResource
      message.Strings(5, resource.verbs);
    });
  }
  message.Bytes(3, "Current");
}

}  // namespace

std::string EncodeProtobuf(const ExternalMetricValueList& list) {
  return Document(kMetricListKind, kGroupVersion, [&](MessageWriter& message) {
    WriteEmptyListMeta(message);
    for (const ExternalMetricValue& item : list.items) {
      message.Message(2, [&] { WriteItem(message, item); });
    }
  });
}

std::string EncodeProtobuf(const Status& status) {
  return Document("Status", "v1", [&](MessageWriter& message) {
    WriteEmptyListMeta(message);
    message.Bytes(2, "Failure");
    message.Bytes(3, status.message);
    message.Bytes(4, status.reason);
    if (status.details) {
      message.Message(5, [&] { WriteDetails(message, *status.details); });
    }
    message.Varint(6, status.code);
  });
}

std::string EncodeProtobuf(const ApiGroup& group) {
  return Document("APIGroup", "v1", [&](MessageWriter& message) { WriteGroup(message, group); });
}

std::string EncodeProtobuf(const ApiGroupList& list) {
  return Document("APIGroupList", "v1", [&](MessageWriter& message) {
    for (const ApiGroup& group : list.groups) {
      message.Message(1, [&] { WriteGroup(message, group); });
    }
  });
}

std::string EncodeProtobuf(const ApiResourceList& list) {
  return Document("APIResourceList", "v1", [&](MessageWriter& message) {
    message.Bytes(1, list.group_version);
    for (const ApiResource& resource : list.resources) {
      message.Message(2, [&] { WriteResource(message, resource); });
    }
  });
}

std::string EncodeProtobuf(const ApiGroupDiscoveryList& list) {
  return Document("APIGroupDiscoveryList", "apidiscovery.k8s.io/v2", [&](MessageWriter& message) {
    WriteEmptyListMeta(message);
    for (const ApiGroupDiscovery& group : list.items) {
      message.Message(2, [&] {
        message.Message(1, [&] { WriteObjectMeta(message, group.name); });
        for (const ApiVersionDiscovery& version : group.versions) {
          message.Message(2, [&] { WriteVersionDiscovery(message, version); });
        }
      });
    }
  });
}

}  // namespace server::wire
