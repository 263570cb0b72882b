#include "metrics/redis/resp.h"

#include <array>
#include <charconv>
#include <new>
#include <span>

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

int Depth(const redisReadTask* task) {
  int depth = 0;
  for (const auto* parent = task->parent; parent != nullptr; parent = parent->parent) ++depth;
  return depth;
}

}  // namespace

void Batch::Add(std::initializer_list<std::string_view> words) {
  AppendHeader(bytes_, '*', words.size());
  for (const std::string_view word : words) {
    AppendHeader(bytes_, '$', word.size());
    bytes_.append(word).append("\r\n");
  }
  ++size_;
}

/// What hiredis calls for each piece of a reply. The pieces are built in place: `root` owns them all, and hiredis holds
/// plain pointers into it. A refused piece is a null pointer, which hiredis takes for lack of memory and stops.
struct ReplyReader::Builder {
  Reply root;
  std::size_t elements = 0;
  std::string refusal;

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
    if (count > kMaxReplyElements - total) return Refuse(task, "with an array that is too large");
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

ReplyReader::ReplyReader() : builder_(std::make_unique<Builder>()) {
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
}

ReplyReader::~ReplyReader() = default;

void ReplyReader::Free::operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }

void ReplyReader::Feed(std::string_view bytes) {
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) throw std::bad_alloc();
  unfinished_bytes_ += bytes.size();
}

bool ReplyReader::Next(Reply& reply) {
  void* root = nullptr;
  if (redisReaderGetReply(reader_.get(), &root) != REDIS_OK) {
    throw ProtocolError(builder_->refusal.empty() ? std::string("what is not RESP: ") + reader_->errstr
                                                  : builder_->refusal);
  }
  if (root == nullptr) {
    if (unfinished_bytes_ > kMaxReplyBytes) {
      throw ProtocolError("with a reply longer than " + std::to_string(kMaxReplyBytes) + " bytes");
    }
    return false;
  }
  unfinished_bytes_ = reader_->len - reader_->pos;
  reply = std::move(builder_->root);
  return true;
}

}  // namespace metrics::redis
