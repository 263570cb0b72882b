#include "metrics/redis/resp.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <new>
#include <span>
#include <utility>

#include <hiredis/hiredis.h>

namespace metrics::redis {
namespace {

/// "*3\r\n" and the like.
void AppendHeader(std::string& out, char type, std::size_t number) {
  std::array<char, 20> digits;  // As long as 2^64.
  auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out += type;
  out.append(digits.data(), end);
  out += "\r\n";
}

constexpr std::string_view kMulti = "*1\r\n$5\r\nMULTI\r\n";
constexpr std::string_view kExec = "*1\r\n$4\r\nEXEC\r\n";

bool IsError(const Reply& reply) { return reply.type == Reply::Type::kError; }

int Depth(const redisReadTask* task) {
  int depth = 0;
  for (const auto* parent = task->parent; parent != nullptr; parent = parent->parent) ++depth;
  return depth;
}

}  // namespace

void Batch::Add(std::initializer_list<std::string_view> words) {
  Place command;
  command.begin = bytes_.size();
  const std::size_t key_index = *words.begin() == "XINFO" ? 2 : 1;
  std::size_t index = 0;
  AppendHeader(bytes_, '*', words.size());
  for (const std::string_view word : words) {
    AppendHeader(bytes_, '$', word.size());
    if (index++ == key_index) {
      command.key_begin = bytes_.size();
      command.key_size = word.size();
    }
    bytes_.append(word).append("\r\n");
  }
  command.end = bytes_.size();
  commands_.push_back(command);
}

void Batch::AddFrom(const Batch& other, std::size_t index) {
  Place command = other.commands_[index];
  const std::size_t begin = bytes_.size();
  bytes_.append(other.Command(index));
  command.key_begin += begin - command.begin;
  command.begin = begin;
  command.end = bytes_.size();
  commands_.push_back(command);
}

void Batch::BeginTransaction() {
  bytes_ += kMulti;
  transactions_.push_back({commands_.size(), 0});
}

void Batch::EndTransaction() {
  bytes_ += kExec;
  transactions_.back().count = commands_.size() - transactions_.back().first;
}

std::string_view Batch::Command(std::size_t index) const {
  const Place& command = commands_[index];
  return std::string_view(bytes_).substr(command.begin, command.end - command.begin);
}

std::string_view Batch::Key(std::size_t index) const {
  const Place& command = commands_[index];
  return std::string_view(bytes_).substr(command.key_begin, command.key_size);
}

std::vector<Reply> Batch::Unwrap(std::vector<Reply> raw) const {
  if (transactions_.empty()) return raw;
  std::vector<Reply> replies;
  replies.reserve(size());
  auto next = raw.begin();
  const auto take = [&](std::size_t count) {
    const auto begin = next;
    next += static_cast<std::ptrdiff_t>(count);
    replies.insert(replies.end(), std::make_move_iterator(begin), std::make_move_iterator(next));
  };
  for (const auto& [first, count] : transactions_) {
    take(first - replies.size());
    const std::span<Reply> preface(&*next, count + 1);  // To MULTI, then "QUEUED" for each command.
    next += static_cast<std::ptrdiff_t>(count + 1);
    Reply& result = *next++;
    if (result.type == Reply::Type::kArray && result.elements.size() == count) {
      replies.insert(replies.end(), std::make_move_iterator(result.elements.begin()),
                     std::make_move_iterator(result.elements.end()));
    } else {
      if (!IsError(result)) result = {.type = Reply::Type::kError, .text = "ERR EXEC gave no reply for each command"};
      const auto refused = std::find_if(preface.begin(), preface.end(), IsError);
      const Reply& cause = refused == preface.end() ? result : *refused;
      const bool is_for_commands = refused != preface.begin() && refused != preface.end();
      for (std::size_t i = 0; i < count; ++i) {
        const bool is_refused = is_for_commands && IsError(preface[i + 1]);
        Reply& reply = replies.emplace_back(is_refused ? preface[i + 1] : cause);
        reply.is_discarded = is_for_commands && !is_refused;
      }
    }
  }
  take(size() - replies.size());
  return replies;
}

/// What hiredis calls for each piece of a reply. The pieces are built in place: `root` owns them all, and hiredis holds
/// plain pointers into it. A refused piece is a null pointer, which hiredis takes for lack of memory and stops.
struct ReplyReader::Builder {
  Reply root;
  std::size_t elements = 0;
  std::string refusal;
  bool is_too_large = false;

  static Builder& Of(const redisReadTask* task) { return *static_cast<Builder*>(task->privdata); }

  static Reply* Place(const redisReadTask* task, Reply::Type type) {
    Builder& builder = Of(task);
    const bool is_root = task->parent == nullptr;
    if (is_root) builder.elements = 0;
    const auto index = static_cast<std::size_t>(task->idx);
    Reply& reply = is_root ? builder.root : static_cast<Reply*>(task->parent->obj)->elements[index];
    reply = Reply{.type = type};
    return &reply;
  }

  static void* Refuse(const redisReadTask* task, std::string why) {
    Of(task).refusal = std::move(why);
    return nullptr;
  }

  static void* RefuseType(const redisReadTask* task) {
    return Refuse(task, "with a type of RESP3, which was not asked for");
  }

  static void* CreateString(const redisReadTask* task, char* text, std::size_t length) {
    Reply::Type type{};
    switch (task->type) {
      case REDIS_REPLY_STRING:
        type = Reply::Type::kString;
        break;
      case REDIS_REPLY_STATUS:
        type = Reply::Type::kStatus;
        break;
      case REDIS_REPLY_ERROR:
        type = Reply::Type::kError;
        break;
      default:
        return RefuseType(task);
    }
    Reply* const reply = Place(task, type);
    reply->text.assign(text, length);
    return reply;
  }

  static void* CreateArray(const redisReadTask* task, std::size_t count) {
    if (task->type != REDIS_REPLY_ARRAY) return RefuseType(task);
    if (Depth(task) >= kMaxDepth) return Refuse(task, "with arrays nested too deep");
    Reply* const reply = Place(task, Reply::Type::kArray);
    std::size_t& total = Of(task).elements;
    if (count > kMaxReplyElements - total) {
      Of(task).is_too_large = true;
      return nullptr;
    }
    total += count;
    reply->elements.resize(count);
    return reply;
  }

  static void* CreateInteger(const redisReadTask* task, long long value) {
    Reply* const reply = Place(task, Reply::Type::kInteger);
    reply->integer = value;
    return reply;
  }

  static void* CreateNil(const redisReadTask* task) { return Place(task, Reply::Type::kNil); }
};

ReplyTooLarge ReplyTooLong() {
  return ReplyTooLarge("with a reply longer than " + std::to_string(ReplyReader::kMaxReplyBytes) + " bytes");
}

ReplyTooLarge ArrayTooLarge() { return ReplyTooLarge("with an array that is too large"); }

ReplyReader::ReplyReader(Protocol protocol) : builder_(std::make_unique<Builder>()) {
  static redisReplyObjectFunctions functions = [] {
    redisReplyObjectFunctions f{};
    f.createString = Builder::CreateString;
    // The count is an int before hiredis 1.0, where a negative one has been refused already.
    f.createArray = [](const redisReadTask* task, auto count) {
      return Builder::CreateArray(task, static_cast<std::size_t>(count));
    };
    f.createInteger = Builder::CreateInteger;
    f.createNil = Builder::CreateNil;
#if HIREDIS_MAJOR >= 1
    f.createDouble = [](const redisReadTask* task, double, char*, std::size_t) { return Builder::RefuseType(task); };
    f.createBool = [](const redisReadTask* task, int) { return Builder::RefuseType(task); };
#endif
    f.freeObject = [](void*) {};
    return f;
  }();
  reader_.reset(redisReaderCreateWithFunctions(&functions));
  if (!reader_) throw std::bad_alloc();
  reader_->privdata = builder_.get();
  if (protocol == Protocol::kResp3) translator_.emplace();
}

ReplyReader::~ReplyReader() = default;

void ReplyReader::Free::operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }

void ReplyReader::Feed(std::string_view bytes) {
  std::string resp2;
  if (translator_) {
    try {
      if (!untranslatable_) translator_->Translate(bytes, resp2);
    } catch (const ProtocolError&) {
      untranslatable_ = std::current_exception();
    }
    bytes = resp2;
  }
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) throw std::bad_alloc();
  unfinished_bytes_ += bytes.size();
}

bool ReplyReader::Next(Reply& reply) {
  void* root = nullptr;
  if (redisReaderGetReply(reader_.get(), &root) != REDIS_OK) {
    if (builder_->is_too_large) throw ArrayTooLarge();
    throw ProtocolError(builder_->refusal.empty() ? std::string("what is not RESP: ") + reader_->errstr
                                                  : builder_->refusal);
  }
  if (root == nullptr) {
    if (untranslatable_) std::rethrow_exception(untranslatable_);
    if (unfinished_bytes_ > kMaxReplyBytes) throw ReplyTooLong();
    return false;
  }
  unfinished_bytes_ = reader_->len - reader_->pos;
  reply = std::move(builder_->root);
  return true;
}

}  // namespace metrics::redis
