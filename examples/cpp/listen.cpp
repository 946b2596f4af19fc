#include "listen.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "decide.h"
#include "failure.h"

namespace {

// Reads up to `count` samples in -1 to 1 into `out`, fewer only at the end. NaN becomes 0.
size_t read_samples(Format format, float* out, size_t count, std::vector<unsigned char>& bytes) {
  const size_t width = format == Format::kS16le ? 2 : 4;
  bytes.resize(count * width);
  const size_t got = std::fread(bytes.data(), width, count, stdin);
  for (size_t i = 0; i < got; ++i) {
    const unsigned char* at = &bytes[i * width];  // little-endian on any processor
    if (format == Format::kS16le) {
      out[i] = static_cast<float>(static_cast<int16_t>(at[0] | at[1] << 8)) / 32768;
    } else {
      const uint32_t bits = at[0] | at[1] << 8 | at[2] << 16 | static_cast<uint32_t>(at[3]) << 24;
      std::memcpy(&out[i], &bits, sizeof bits);
      if (!std::isfinite(out[i])) out[i] = 0;
    }
  }
  return got;
}

// RMS in dBFS, -inf for digital silence.
double level(const float* samples, size_t count) {
  double power = 0;
  for (size_t i = 0; i < count; ++i) power += static_cast<double>(samples[i]) * samples[i];
  if (power == 0) return -std::numeric_limits<double>::infinity();
  return 10 * std::log10(power / static_cast<double>(count));
}

double rounded(double value, double steps) { return std::round(value * steps) / steps; }

std::string update(const Card& card, const Step& step, const Decider& decider, Verdict verdict,
                   double time) {
  static const char* const kStatus[] = {"genre", "unsure", "no-music"};
  nlohmann::ordered_json line, probabilities;
  line["time"] = rounded(time, 1e3);
  line["status"] = kStatus[static_cast<int>(verdict.status)];
  line["genre"] = nullptr;
  if (verdict.status == Status::kGenre) line["genre"] = card.labels[verdict.genre];
  line["top"] = card.labels[decider.top()];
  line["confidence"] = rounded(decider.confidence(), 1e4);
  line["music"] = rounded(step.music(), 1e4);
  for (size_t i = 0; i < card.labels.size(); ++i)
    probabilities[card.labels[i]] = rounded(step.probabilities()[i], 1e4);
  line["probabilities"] = std::move(probabilities);
  return line.dump() + "\n";
}

void write(const std::string& line) {
  if (std::fputs(line.c_str(), stdout) >= 0 && std::fflush(stdout) == 0) return;
  if (errno == EPIPE) throw Failure(kDone, "");  // the reader closed the pipe
  throw Failure(kFailed, std::string("standard output: ") + std::strerror(errno));
}

}  // namespace

void listen(const Card& card, Step& step, Format format) {
  Decider decider(card.thresholds, card.labels.size());
  const double rate = static_cast<double>(card.sample_rate);
  float* const window = step.samples();
  float* const hop = window + card.window - card.hop;  // where new samples go
  std::vector<unsigned char> bytes;
  size_t total = 0, fresh = card.hop;  // samples so far, and new samples of this hop
  while (fresh == card.hop && (fresh = read_samples(format, hop, card.hop, bytes)) > 0) {
    total += fresh;
    std::fill(hop + fresh, hop + card.hop, 0.0f);
    step.run();
    const double seconds = static_cast<double>(fresh) / rate;
    const Verdict verdict =
        decider.decide(step.probabilities().data(), step.music(), level(hop, card.hop), seconds);
    write(update(card, step, decider, verdict, static_cast<double>(total) / rate));
    std::copy(window + card.hop, window + card.window, window);
  }
  if (std::ferror(stdin)) throw Failure(kUnreadable, "standard input: cannot be read");
  if (!total) throw Failure(kUnreadable, "no audio on standard input");
}
