#include "step.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <link.h>
#include <malloc.h>
#endif

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "failure.h"
#include "sha256.h"

namespace {

#ifdef __GLIBC__
// Releases the pages of the program and its libraries. Half of the pages read at start are not needed
// again, and the others are reloaded from the files. Otherwise, they would be kept until memory runs
// short.
void drop_pages() {
  const auto drop = [](dl_phdr_info* object, size_t, void*) {
    const uintptr_t page = sysconf(_SC_PAGESIZE);
    for (int i = 0; i < object->dlpi_phnum; ++i) {
      const auto& part = object->dlpi_phdr[i];
      if (part.p_type != PT_LOAD || part.p_flags & PF_W) continue;
      const uintptr_t begin = (object->dlpi_addr + part.p_vaddr) & ~(page - 1);
      const uintptr_t end = object->dlpi_addr + part.p_vaddr + part.p_memsz;
      madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
    }
    return 0;
  };
  dl_iterate_phdr(drop, nullptr);
}

// While an object of this class exists, large blocks are mapped separately, so that memory freed
// during loading is returned to the system. Afterwards, they are allocated on the heap, where steps
// reuse them.
class FrugalLoading {
 public:
  FrugalLoading() {
    set(64 << 10);
    drop_pages();
  }
  ~FrugalLoading() {
    set(32 << 20);
    malloc_trim(0);
    drop_pages();
  }

 private:
  static void set(int threshold) {
    mallopt(M_MMAP_THRESHOLD, threshold);
    mallopt(M_TRIM_THRESHOLD, threshold);
  }
};
#else
struct FrugalLoading {
  FrugalLoading() {}  // nothing to do on other systems; avoids a warning about an unused variable
};
#endif

// The size of a model file. Throws Failure if the file does not match the card.
size_t checked_size(const std::string& path, const Card& card) {
  const Variant& variant = variant_of(card, std::filesystem::path(path).filename());
  std::error_code error;
  const size_t size = std::filesystem::file_size(path, error);
  if (error) throw Failure(kBadModel, path + ": " + error.message());
  if (sha256_of_file(path) != variant.sha256)
    throw Failure(kBadModel,
                  path + ": is damaged (its hash differs from the card); copy the package again");
  return size;
}

std::shared_ptr<void> map_file(const std::string& path, size_t size) {
  const int file = open(path.c_str(), O_RDONLY);
  void* bytes = file < 0 ? MAP_FAILED : mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  if (file >= 0) close(file);
  if (bytes == MAP_FAILED) throw Failure(kBadModel, path + ": cannot be read");
  return {bytes, [size](void* mapped) { munmap(mapped, size); }};
}

// Throws Failure if the inputs and outputs of the session do not match the card.
void check_fit(const Ort::Session& session, const Card& card, const std::string& path) {
  Ort::AllocatorWithDefaultOptions allocator;
  std::map<std::string, std::vector<int64_t>> shapes;
  for (size_t i = 0; i < session.GetInputCount(); ++i)
    shapes[session.GetInputNameAllocated(i, allocator).get()] =
        session.GetInputTypeInfo(i).GetTensorTypeAndShapeInfo().GetShape();
  for (size_t i = 0; i < session.GetOutputCount(); ++i)
    shapes[session.GetOutputNameAllocated(i, allocator).get()] =
        session.GetOutputTypeInfo(i).GetTensorTypeAndShapeInfo().GetShape();
  const std::pair<const char*, size_t> expected[] = {{"samples", card.window},
                                                     {"state", card.state},
                                                     {"next_state", card.state},
                                                     {"probabilities", card.labels.size()}};
  bool fits = shapes["music"] == std::vector<int64_t>{1};
  for (const auto& [name, size] : expected)
    fits = fits && shapes[name] == std::vector<int64_t>{1, static_cast<int64_t>(size)};
  if (!fits)
    throw Failure(kBadModel, path + ": does not match card.json (names or shapes differ); copy the "
                                    "package again");
}

// Options for little memory and a single thread. `mapped`: the model stays mapped in memory.
Ort::SessionOptions frugal_options(bool mapped) {
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);  // a step takes milliseconds, so more threads would not pay off
  options.SetInterOpNumThreads(1);
  options.AddConfigEntry("session.intra_op.allow_spinning", "0");
  options.AddConfigEntry("session.inter_op.allow_spinning", "0");
  if (mapped) {  // use the weights in the mapped file without copies
    options.AddConfigEntry("session.use_ort_model_bytes_directly", "1");
    options.AddConfigEntry("session.use_ort_model_bytes_for_initializers", "1");
    options.AddConfigEntry("session.disable_prepacking", "1");
  }
  return options;
}

}  // namespace

Ort::Env start_runtime() {
  if (!OrtGetApiBase()->GetApi(ORT_API_VERSION))
    throw Failure(kFailed, std::string("ONNX Runtime ") + OrtGetApiBase()->GetVersionString() +
                               " is older than the headers of this build (1." +
                               std::to_string(ORT_API_VERSION) + ")");
  return Ort::Env(ORT_LOGGING_LEVEL_FATAL, "streamgenre");
}

Step::Step(const Ort::Env& runtime, const Card& card, const std::string& path)
    : samples_(card.window),
      states_{std::vector<float>(card.state), std::vector<float>(card.state)},
      probabilities_(card.labels.size()) {
  const FrugalLoading frugal;
  const size_t size = checked_size(path, card);
  if (std::filesystem::path(path).extension() == ".ort") file_ = map_file(path, size);
  const Ort::SessionOptions options = frugal_options(file_ != nullptr);
  try {
    session_ = file_ ? Ort::Session(runtime, file_.get(), size, options)
                     : Ort::Session(runtime, path.c_str(), options);
    check_fit(session_, card, path);
  } catch (const Ort::Exception& error) {
    const std::string reason = error.what();
    throw Failure(kBadModel, path + ": cannot be loaded: " + reason.substr(0, reason.find('\n')));
  }
  bindings_.push_back(bind(0));
  bindings_.push_back(bind(1));
}

Ort::IoBinding Step::bind(size_t reads) {
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  const auto tensor = [&](std::vector<float>& values) {
    const int64_t shape[] = {1, static_cast<int64_t>(values.size())};
    return Ort::Value::CreateTensor<float>(memory, values.data(), values.size(), shape, 2);
  };
  const int64_t one[] = {1};
  Ort::IoBinding binding(session_);
  binding.BindInput("samples", tensor(samples_));
  binding.BindInput("state", tensor(states_[reads]));
  binding.BindOutput("next_state", tensor(states_[1 - reads]));
  binding.BindOutput("probabilities", tensor(probabilities_));
  binding.BindOutput("music", Ort::Value::CreateTensor<float>(memory, &music_, 1, one, 1));
  return binding;
}

void Step::run() {
  std::vector<float>&state = states_[turn_], &next = states_[1 - turn_];
  session_.Run(options_, bindings_[turn_]);
  if (!finite(next)) {
    std::fill(state.begin(), state.end(), 0.0f);
    session_.Run(options_, bindings_[turn_]);
  }
  if (!finite(next)) {
    std::fill(next.begin(), next.end(), 0.0f);
    std::fill(probabilities_.begin(), probabilities_.end(), 1.0f / probabilities_.size());
    music_ = 0;
  }
  turn_ = 1 - turn_;
}

bool Step::finite(const std::vector<float>& next) const {
  const auto all = [](const std::vector<float>& values) {
    return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
  };
  return std::isfinite(music_) && all(probabilities_) && all(next);
}
