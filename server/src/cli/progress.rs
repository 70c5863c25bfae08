//! Progress bars of long work: on a terminal only, and gone when the work is done.

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar on stderr.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar of things, with a word for the work.
    pub(super) fn counting() -> Self {
        Self::with("{msg:>10} {bar:40} {pos}/{len} ({eta})")
    }

    /// A bar of bytes, with a word for the work.
    pub(super) fn of_bytes() -> Self {
        Self::with("{msg:>10} {bar:40} {bytes}/{total_bytes} {bytes_per_sec} ({eta})")
    }

    fn with(template: &str) -> Self {
        let style = ProgressStyle::with_template(template);
        Self(ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    /// Shows how far the work is.
    pub(super) fn show(&self, work: &'static str, done: u64, of: u64) {
        self.0.set_message(work);
        self.0.set_length(of);
        self.0.set_position(done);
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
