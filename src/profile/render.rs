//! Faults as people read them: the line, a marker, and what would be right.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::error::{ProfileError, ProfileErrors, escape};

/// The width that messages are folded to and lines are cut to.
const WIDTH: usize = 80;

impl ProfileErrors {
    /// All faults, each with its place, its line, and what would be right;
    /// ends in a line break.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let renderer = renderer.term_width(WIDTH);
        let file = escape(self.file());
        let mut out = String::new();
        for error in self.errors() {
            out.push_str(&renderer.render(&[self.group(error, &file)]));
            out.push_str("\n\n");
        }
        out.pop();
        out
    }

    fn group<'a>(&'a self, error: &'a ProfileError, file: &'a str) -> Group<'a> {
        let mut snippet = Snippet::source(self.text())
            .path(file)
            .annotation(AnnotationKind::Primary.span(error.span.clone()));
        if let Some(first) = &error.first {
            snippet = snippet.annotation(
                AnnotationKind::Context
                    .span(first.clone())
                    .label("first here"),
            );
        }
        let mut group = Level::ERROR
            .primary_title(error.message.as_str())
            .element(snippet);
        if let Some(help) = &error.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        group
    }
}
