#include "metrics/layouts/stream.h"

#include <algorithm>
#include <charconv>
#include <compare>
#include <limits>
#include <optional>

#include "metrics/layouts/preset.h"
#include "metrics/layouts/reply_cursor.h"
#include "metrics/redis/error_reply.h"

namespace metrics::layouts {
namespace {

using redis::Reply;

/// Entries come with all that is in them, so that large ones are read fewer at a time.
constexpr std::size_t kPage = 100;
constexpr std::size_t kPageBytes = std::size_t{1} << 20U;
constexpr std::size_t kMaxPages = 10;

/// Of an entry: milliseconds and a sequence number.
struct Id {
  std::uint64_t milliseconds = 0;
  std::uint64_t sequence = 0;

  auto operator<=>(const Id&) const = default;

  std::string ToString() const { return std::to_string(milliseconds) + "-" + std::to_string(sequence); }

  Id Next() const {
    if (sequence == std::numeric_limits<std::uint64_t>::max()) return {milliseconds + 1, 0};
    return {milliseconds, sequence + 1};
  }
};

Id IdFrom(const Reply& reply, std::string_view command, std::string_view key) {
  Id id;
  const char* const end = reply.text.data() + reply.text.size();
  const auto milliseconds = std::from_chars(reply.text.data(), end, id.milliseconds);
  const bool has_dash = milliseconds.ptr != end && *milliseconds.ptr == '-';
  if (reply.type != Reply::Type::kString || !has_dash ||
      std::from_chars(milliseconds.ptr + 1, end, id.sequence).ptr != end) {
    RejectReply(reply, command, key);
  }
  return id;
}

/// Of the first of some entries; nothing if there are none.
std::optional<Id> FirstIdFrom(const std::vector<Reply>& entries, std::string_view command, std::string_view key) {
  if (entries.empty()) return std::nullopt;
  const Reply& entry = entries.front();
  if (entry.type != Reply::Type::kArray || entry.elements.empty()) RejectReply(entry, command, key);
  return IdFrom(entry.elements.front(), command, key);
}

/// The value of `name` in a list of names and values; an absent one if it is not there.
const Reply& Field(const Reply& fields, std::string_view name) {
  static const Reply kAbsent;
  for (std::size_t i = 0; i + 1 < fields.elements.size(); i += 2) {
    if (fields.elements[i].text == name) return fields.elements[i + 1];
  }
  return kAbsent;
}

std::optional<std::int64_t> NumberIn(const Reply& fields, std::string_view name) {
  const Reply& value = Field(fields, name);
  return value.type == Reply::Type::kInteger ? std::optional(value.integer) : std::nullopt;
}

struct StreamInfo {
  StreamInfo(const Reply& info, std::string_view key)
      : length(CountFrom(Field(info, "length"), "XINFO STREAM", key)),
        last_generated(IdFrom(Field(info, "last-generated-id"), "XINFO STREAM", key)),
        entries_added(NumberIn(info, "entries-added")),
        largest_seen(std::max(BytesOf(Field(info, "first-entry")), BytesOf(Field(info, "last-entry")))) {
    if (length > 0) first = IdFrom(Field(info, "first-entry").elements.at(0), "XINFO STREAM", key);
  }

  std::int64_t length;
  Id last_generated;
  std::optional<std::int64_t> entries_added;  // Since Redis 7.0.
  std::size_t largest_seen;                   // In bytes, of the entries that were read.
  Id first;                                   // If there are any.
};

struct GroupInfo {
  GroupInfo(const Reply& info, std::string_view key)
      : pending(CountFrom(Field(info, "pending"), "XINFO GROUPS", key)),
        last_delivered(IdFrom(Field(info, "last-delivered-id"), "XINFO GROUPS", key)),
        entries_read(NumberIn(info, "entries-read")),
        lag(NumberIn(info, "lag")) {}

  std::int64_t pending;
  Id last_delivered;
  std::optional<std::int64_t> entries_read;  // Since Redis 7.0, if Redis thinks it knows, as the next.
  std::optional<std::int64_t> lag;
};

/// The entries that a group was not given yet.
struct Undelivered {
  std::int64_t count = 0;
  std::optional<Id> first{};
};

/// How many are known at once; nothing if they must be counted.
std::optional<std::int64_t> KnownCount(const StreamInfo& stream, const GroupInfo& group) {
  if (stream.length == 0 || group.last_delivered >= stream.last_generated) return 0;
  if (stream.first > group.last_delivered) return stream.length;
  // Nothing was ever deleted. Some entries were delivered and some were not, or else whoever made the group told Redis
  // a wrong number.
  const bool lag_is_possible = group.lag && *group.lag > 0 && *group.lag < stream.length;
  if (lag_is_possible && stream.entries_added == stream.length) return group.lag;
  return std::nullopt;
}

/// No less than a group was not given yet: no more than are there, and no more than were added since its last one, of
/// which some may be gone. Where Redis loses count of what the group has read, it is of entries that were gone before,
/// so that what it has counted is too little, and the rest too much.
std::int64_t MostUndelivered(const StreamInfo& stream, const GroupInfo& group) {
  std::int64_t most = stream.length;
  if (group.lag) most = std::min(most, *group.lag);
  if (stream.entries_added && group.entries_read) most = std::min(most, *stream.entries_added - *group.entries_read);
  return most;
}

class GroupReader {
 public:
  GroupReader(const QueueRead& read, const StreamInfo& stream, ReplyCursor& cursor, redis::Batch& more)
      : read_(read), stream_(stream), cursor_(cursor), more_(more) {}

  /// Nothing if it asked for more.
  std::optional<Undelivered> Read(const GroupInfo& group) {
    const auto known = KnownCount(stream_, group);
    if (known == 0) return Undelivered{};
    if (known && stream_.first > group.last_delivered) return Undelivered{*known, stream_.first};
    if (known && !read_.wanted.oldest_age) return Undelivered{*known};
    if (known) {
      const auto* const entries = Entries(group.last_delivered.Next(), 1);
      if (entries == nullptr) return std::nullopt;
      return Undelivered{*known, FirstIdFrom(*entries, "XRANGE", read_.queue)};
    }
    return CountEntries(group);
  }

 private:
  std::optional<Undelivered> CountEntries(const GroupInfo& group) {
    Undelivered undelivered;
    Id begin = group.last_delivered.Next();
    std::size_t largest = stream_.largest_seen;
    for (std::size_t page = 0; page < kMaxPages; ++page) {
      const std::size_t count = std::clamp<std::size_t>(kPageBytes / std::max<std::size_t>(largest, 1), 1, kPage);
      const auto* const entries = Entries(begin, count);
      if (entries == nullptr) return std::nullopt;
      if (page == 0) undelivered.first = FirstIdFrom(*entries, "XRANGE", read_.queue);
      undelivered.count += static_cast<std::int64_t>(entries->size());
      if (entries->size() < count) return undelivered;
      begin = IdFrom(entries->back().elements.at(0), "XRANGE", read_.queue).Next();
      for (const Reply& entry : *entries) largest = std::max(largest, BytesOf(entry));
    }
    undelivered.count = std::max(undelivered.count, MostUndelivered(stream_, group));
    return undelivered;
  }

  /// Up to `count` entries from `begin` on; null if they had to be asked for.
  const std::vector<Reply>* Entries(const Id& begin, std::size_t count) {
    if (cursor_.AtEnd()) {
      more_.Add({"XRANGE", read_.queue, begin.ToString(), "+", "COUNT", std::to_string(count)});
      return nullptr;
    }
    const Reply& reply = cursor_.Next();
    if (reply.type != Reply::Type::kArray) RejectReply(reply, "XRANGE", read_.queue);
    return &reply.elements;
  }

  const QueueRead& read_;
  const StreamInfo& stream_;
  ReplyCursor& cursor_;
  redis::Batch& more_;
};

bool IsNoSuchKey(const Reply& reply) {
  return reply.type == Reply::Type::kError && reply.text.find("no such key") != std::string::npos;
}

/// Of those that have entries pending, XPENDING tells the names and how many; nothing if there are none.
void AddConsumers(const Reply& pending, std::string_view key, std::vector<std::string>& consumers) {
  if (pending.type == Reply::Type::kError && redis::ErrorCode(pending.text) == "NOGROUP") return;
  if (pending.type != Reply::Type::kArray || pending.elements.size() != 4) RejectReply(pending, "XPENDING", key);
  for (const Reply& consumer : pending.elements[3].elements) {
    if (consumer.type != Reply::Type::kArray || consumer.elements.empty()) RejectReply(pending, "XPENDING", key);
    consumers.push_back(consumer.elements.front().text);
  }
}

std::optional<TimePoint> TimeOf(const std::optional<Id>& id) {
  return id ? TimeFromNumber(static_cast<double>(id->milliseconds), TimeUnit::kMilliseconds) : std::nullopt;
}

std::optional<QueueCounts> CountStream(const QueueRead& read, ReplyCursor& cursor) {
  QueueCounts counts;
  if (read.wanted.waiting) counts.waiting = cursor.Count("XLEN", read.queue);
  if (read.wanted.oldest_age) {
    const Reply& entries = cursor.Next();
    if (entries.type != Reply::Type::kArray) RejectReply(entries, "XRANGE", read.queue);
    counts.oldest_age = AgeSince(TimeOf(FirstIdFrom(entries.elements, "XRANGE", read.queue)), read.now);
  }
  return counts;
}

}  // namespace

QueueParts Stream::Offers() const {
  const bool has_groups = !groups_.empty();
  return {.waiting = true, .in_flight = has_groups, .oldest_age = true, .holders = has_groups};
}

void Stream::Ask(const QueueRead& read, redis::Batch& batch) const {
  if (!groups_.empty()) {
    batch.Add({"XINFO", "STREAM", read.queue});
    batch.Add({"XINFO", "GROUPS", read.queue});
    if (read.wanted.holders) {
      for (const std::string& group : groups_) batch.Add({"XPENDING", read.queue, group});
    }
    return;
  }
  if (read.wanted.waiting) batch.Add({"XLEN", read.queue});
  if (read.wanted.oldest_age) batch.Add({"XRANGE", read.queue, "-", "+", "COUNT", "1"});
}

std::optional<QueueCounts> Stream::Count(const QueueRead& read, Replies replies, redis::Batch& more) const {
  ReplyCursor cursor(replies);
  if (groups_.empty()) return CountStream(read, cursor);
  const Reply& stream_reply = cursor.Next();
  const Reply& groups_reply = cursor.Next();
  // Without a transaction around them, the stream may be created or deleted between the two.
  if (IsNoSuchKey(stream_reply) || IsNoSuchKey(groups_reply)) return QueueCounts{};
  if (stream_reply.type != Reply::Type::kArray) RejectReply(stream_reply, "XINFO STREAM", read.queue);
  if (groups_reply.type != Reply::Type::kArray) RejectReply(groups_reply, "XINFO GROUPS", read.queue);
  const StreamInfo stream(stream_reply, read.queue);
  const bool waits_matter = read.wanted.waiting || read.wanted.oldest_age;
  QueueCounts counts;
  if (read.wanted.holders) {
    for (std::size_t i = 0; i < groups_.size(); ++i) AddConsumers(cursor.Next(), read.queue, counts.holders);
  }
  std::optional<Id> first;
  for (const std::string& name : groups_) {
    const auto found = std::find_if(groups_reply.elements.begin(), groups_reply.elements.end(),
                                    [&name](const Reply& group) { return Field(group, "name").text == name; });
    Undelivered undelivered{stream.length, stream.length > 0 ? std::optional(stream.first) : std::nullopt};
    if (found != groups_reply.elements.end()) {
      const GroupInfo group(*found, read.queue);
      counts.in_flight += group.pending;
      const auto read_on = waits_matter ? GroupReader(read, stream, cursor, more).Read(group) : Undelivered{};
      if (!read_on) return std::nullopt;
      undelivered = *read_on;
    }
    counts.waiting += undelivered.count;
    if (undelivered.first && (!first || *undelivered.first < *first)) first = undelivered.first;
  }
  counts.oldest_age = AgeSince(TimeOf(first), read.now);
  return counts;
}

}  // namespace metrics::layouts
