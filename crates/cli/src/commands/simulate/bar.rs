//! The progress, on standard error.

use std::io::IsTerminal as _;
use std::time::Duration;

use elate_simulate::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The progress on standard error, with an estimate of the time left; nothing where that is no terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg:18} {bar:40} {percent:>3} %, {per_sec}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        if std::io::stderr().is_terminal() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self(bar)
    }

    /// Shows how far somebody else is.
    pub(super) fn show(&self, what: &'static str, done: u64, total: Option<u64>) {
        self.0.set_message(what);
        self.0.set_length(total.unwrap_or_default());
        self.0.set_position(done);
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn begin(&self, what: &'static str, total: u64) {
        self.0.reset();
        self.0.set_message(what);
        self.0.set_length(total);
    }

    fn advance(&self, done: u64) {
        self.0.inc(done);
    }
}
