//! Questions that nobody can answer: every answer is tried, by running the packet again.

use super::outcome::Doubt;

/// The answers of one run, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(super) struct Choices {
    made: Vec<Choice>,
    next: usize,
}

#[derive(Debug)]
struct Choice {
    chosen: usize,
    of: usize,
    doubt: Doubt,
}

impl Choices {
    /// The answer of this run, from 0 up to below `of`: 0 the first time.
    pub(super) fn choose(&mut self, of: usize, doubt: Doubt) -> usize {
        if self.next == self.made.len() {
            self.made.push(Choice {
                chosen: 0,
                of,
                doubt,
            });
        }
        let chosen = self.made.get(self.next).map_or(0, |choice| choice.chosen);
        self.next += 1;
        chosen.min(of.saturating_sub(1))
    }

    /// The questions of the last run.
    pub(super) fn doubts(&self) -> impl Iterator<Item = Doubt> {
        self.made.iter().take(self.next).map(|choice| choice.doubt)
    }

    /// Makes ready for the next run, which answers the last question differently; gives
    /// that question, or `None` where all answers were tried.
    pub(super) fn advance(&mut self) -> Option<Doubt> {
        self.next = 0;
        while let Some(last) = self.made.last_mut() {
            if last.chosen + 1 < last.of {
                last.chosen += 1;
                return Some(last.doubt);
            }
            self.made.pop();
        }
        None
    }
}
