#include "decide.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace {

constexpr double kDoubt = 0.25;    // s of non-music in the mean after silence, to ignore single taps
constexpr double kTooShort = 0.1;  // s; a last step with less new audio does not change the decision

}  // namespace

Decider::Decider(const Thresholds& thresholds, size_t classes)
    : limits_(thresholds),
      smoothed_(classes, 1.0 / static_cast<double>(classes)),
      since_silence_(std::numeric_limits<double>::infinity()) {}

size_t Decider::top() const {
  return std::max_element(smoothed_.begin(), smoothed_.end()) - smoothed_.begin();
}

Verdict Decider::decide(const float* probabilities, double music, double level, double seconds) {
  if (!decided_ || seconds >= kTooShort) last_ = decide_step(probabilities, music, level, seconds);
  decided_ = true;
  return last_;
}

Verdict Decider::decide_step(const float* probabilities, double music, double level,
                             double seconds) {
  const double share = 1 - std::exp(-seconds / limits_.smoothing);
  if (level < limits_.silence) {
    music_ = since_silence_ = 0;
  } else {
    since_silence_ += seconds;
    const double fresh = std::max(share, seconds / (since_silence_ + kDoubt));
    music_ += (music - music_) * (has_steps_ ? fresh : 1);
  }
  has_steps_ = true;
  if (music_ < limits_.music || level < limits_.silence) {
    has_genre_ = false;
    return {Status::kNoMusic, 0};
  }
  for (size_t i = 0; i < smoothed_.size(); ++i)
    smoothed_[i] += (probabilities[i] - smoothed_[i]) * (has_music_ ? share : 1);
  has_music_ = true;
  const size_t best = top();
  if (has_genre_ && smoothed_[genre_] < limits_.hold) has_genre_ = false;
  const double lead = smoothed_[best] - (has_genre_ ? smoothed_[genre_] : 0);
  if (smoothed_[best] >= limits_.unsure && (!has_genre_ || lead >= limits_.margin)) {
    has_genre_ = true;
    genre_ = best;
  }
  return {has_genre_ ? Status::kGenre : Status::kUnsure, genre_};
}
