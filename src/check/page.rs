//! The pages of the checks: their doc comments, in sections.

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its head; empty for the sentence that states the fault.
    pub head: String,
    /// Its paragraphs, each on one line.
    pub paragraphs: Vec<String>,
}

/// The sections of a page: `## HEAD` begins one, an empty line ends a paragraph.
#[must_use]
pub fn sections(page: &str) -> Vec<Section> {
    let mut sections = vec![Section {
        head: String::new(),
        paragraphs: Vec::new(),
    }];
    let mut begun = false;
    for line in page.lines().map(str::trim) {
        // There is always a last one.
        let Some(section) = sections.last_mut() else {
            break;
        };
        if let Some(head) = line.strip_prefix("## ") {
            sections.push(Section {
                head: head.to_owned(),
                paragraphs: Vec::new(),
            });
            begun = false;
        } else if line.is_empty() {
            begun = false;
        } else if let (true, Some(last)) = (begun, section.paragraphs.last_mut()) {
            last.push(' ');
            last.push_str(line);
        } else {
            section.paragraphs.push(line.to_owned());
            begun = true;
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::super::CHECKS;
    use super::*;

    #[test]
    fn lines_make_paragraphs_and_sections() {
        let page = " It is off.\n\n ## Why\n One\n line.\n\n Two.\n";
        let section = |head: &str, paragraphs: &[&str]| Section {
            head: head.to_owned(),
            paragraphs: paragraphs.iter().map(|p| (*p).to_owned()).collect(),
        };
        assert_eq!(
            sections(page),
            [
                section("", &["It is off."]),
                section("Why", &["One line.", "Two."])
            ]
        );
    }

    #[test]
    fn every_page_states_the_fault_and_tells_what_happens_and_the_cure() {
        for check in CHECKS {
            let sections = sections(check.page);
            assert_eq!(sections[0].paragraphs.len(), 1, "{}", check.id);
            assert!(sections[0].paragraphs[0].ends_with('.'), "{}", check.id);
            for wanted in ["What happens", "Cure"] {
                let has = sections
                    .iter()
                    .any(|s| s.head == wanted && !s.paragraphs.is_empty());
                assert!(has, "{} has no `{wanted}`", check.id);
            }
        }
    }

    #[test]
    fn numbers_and_names_are_unique_and_in_order() {
        let ids: Vec<_> = CHECKS.iter().map(|c| c.id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
        let mut names: Vec<_> = ids.iter().map(|id| id.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CHECKS.len());
    }
}
