// Classify the genre of raw samples from standard input.

#include <getopt.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "card.h"
#include "failure.h"
#include "listen.h"
#include "measure.h"

namespace {

const char* const kHelp =
    "usage: streamgenre PACKAGE_DIR [options]\n"
    "Reads raw mono samples at the card's rate from standard input, prints a JSON line per update.\n"
    "  --model FILE          file of the package; default: model.int8.onnx if present\n"
    "  --format s16le|f32le  sample format; default: s16le\n"
    "  --check               run the test vector of the package instead\n"
    "  --bench N             time N steps and print the resident memory instead\n";

constexpr double kTolerance = 1e-3;  // in addition to the difference that the card states

struct Options {
  std::string folder, model;
  Format format = Format::kS16le;
  bool check = false, help = false;
  int bench = 0;
};

Options parse(int count, char** words) {
  static const option known[] = {{"model", required_argument, nullptr, 'm'},
                                 {"format", required_argument, nullptr, 'f'},
                                 {"bench", required_argument, nullptr, 'b'},
                                 {"check", no_argument, nullptr, 'c'},
                                 {"help", no_argument, nullptr, 'h'},
                                 {}};
  Options options;
  for (int found; (found = getopt_long(count, words, ":h", known, nullptr)) != -1;) {
    const std::string value = optarg ? optarg : "";
    if (found == 'm') options.model = value;
    if (found == 'c') options.check = true;
    if (found == 'h') options.help = true;
    if (found == 'f') options.format = value == "f32le" ? Format::kF32le : Format::kS16le;
    if (found == 'f' && value != "f32le" && value != "s16le")
      throw Failure(kUsage, "--format " + value + ": must be s16le or f32le");
    if (found == 'b' && (options.bench = std::atoi(value.c_str())) <= 0)
      throw Failure(kUsage, "--bench " + value + ": must be a number of steps");
    if (found == ':') throw Failure(kUsage, std::string(words[optind - 1]) + ": needs a value");
    if (found == '?')
      throw Failure(kUsage, std::string(words[optind - 1]) + ": unknown option; see --help");
  }
  if (!options.help && optind != count - 1)
    throw Failure(kUsage, "pass one package folder; see --help");
  if (optind < count) options.folder = words[optind];
  return options;
}

// Prints the largest difference. Returns whether it is within the tolerance of the stored weights.
bool check(const Card& card, Step& step, const std::string& model) {
  const double allowed = variant_of(card, model).test_difference + kTolerance;
  const double largest = difference_to_test(card, step);
  std::printf("%s: %s: largest difference %.2g over %zu steps, allowed %.2g\n", model.c_str(),
              largest <= allowed ? "right" : "WRONG", largest, card.test.steps, allowed);
  return largest <= allowed;
}

// Prints a line of JSON. `bare` is the memory of the runtime without a model.
void bench(const Card& card, Step& step, const Options& options, const Memory& bare) {
  const Cost taken = cost(card, step, options.bench);
  const auto figures = [](const Memory& memory) {
    return nlohmann::ordered_json{
        {"resident_mb", memory.resident}, {"peak_mb", memory.peak}, {"own_mb", memory.own}};
  };
  const nlohmann::ordered_json line = {
      {"model", options.model},   {"steps", options.bench}, {"p50_ms", taken.p50_ms},
      {"p99_ms", taken.p99_ms},   {"runtime", OrtGetApiBase()->GetVersionString()},
      {"bare", figures(bare)},    {"in_all", figures(memory())}};
  std::printf("%s\n", line.dump().c_str());
}

ExitCode run(Options options) {
  if (options.help) {
    std::fputs(kHelp, stdout);
    return kDone;
  }
  const Ort::Env runtime = start_runtime();
  const Memory bare = memory();
  const Card card = read_card(options.folder);
  if (options.model.empty()) options.model = default_model(card);
  Step step(runtime, card, options.folder + "/" + options.model);
  if (options.check) return check(card, step, options.model) ? kDone : kFailed;
  if (options.bench) bench(card, step, options, bare);
  else listen(card, step, options.format);
  return kDone;
}

}  // namespace

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is handled where it is written
  try {
    return run(parse(count, words));
  } catch (const Failure& failure) {
    if (failure.code) std::fprintf(stderr, "streamgenre: %s\n", failure.what());
    return failure.code;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "streamgenre: %s\n", error.what());
    return kFailed;
  }
}
