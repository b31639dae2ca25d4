//! ftpnat(8): the command line from clap, put into `man/ftpnat.8.in`.

use clap::{Arg, ArgAction, Command, CommandFactory as _};
use ftpnat::cli::Cli;

use crate::roff::{filled, prose, sentence, tagged};

/// The whole page.
pub(crate) fn page() -> String {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let commands: String = verbs(&command).map(verb).collect();
    let synopsis: Vec<String> = verbs(&command)
        // A line may end before an option, and not within one.
        .map(|verb| {
            prose(&usage(verb))
                .replace(' ', "\\ ")
                .replace("\\ [", " [")
        })
        .collect();
    let options: String = options(&command).collect();
    filled(
        &crate::read(&crate::root().join("man/ftpnat.8.in")),
        &[
            ("VERSION", env!("CARGO_PKG_VERSION")),
            ("SYNOPSIS", &synopsis.join(".br\n")),
            ("COMMANDS", &commands),
            ("OPTIONS", &options),
        ],
    )
}

fn verbs(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set())
}

fn verb(verb: &Command) -> String {
    let about = verb.get_long_about().or_else(|| verb.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    assert!(!about.is_empty(), "{} says nothing", verb.get_name());
    let arguments: String = positionals(verb)
        .map(argument)
        .chain(options(verb))
        .collect();
    format!(
        ".SS {}\n{}{arguments}",
        verb.get_name(),
        prose(&sentence(&about))
    )
}

fn usage(verb: &Command) -> String {
    let positionals = positionals(verb).map(value_name);
    let options = own_options(verb).map(|option| {
        let name = option.get_long().expect("options have long names");
        let more = if takes_many(option) { " ..." } else { "" };
        if !option.get_action().takes_values() {
            return format!("[`--{name}`]");
        }
        if option.is_required_set() {
            format!("`--{name}` {}{more}", value_name(option))
        } else {
            format!("[`--{name}` {}]{more}", value_name(option))
        }
    });
    let words: Vec<String> = std::iter::once(format!("`ftpnat {}`", verb.get_name()))
        .chain(positionals)
        .chain(options)
        .collect();
    words.join(" ")
}

fn positionals(verb: &Command) -> impl Iterator<Item = &Arg> {
    verb.get_positionals().filter(|a| !a.is_hide_set())
}

/// With values or without; the global ones and help are on the page once.
fn own_options(command: &Command) -> impl Iterator<Item = &Arg> {
    let top = command.get_name() == "ftpnat";
    command.get_arguments().filter(move |option| {
        let is_told_once = option.is_global_set() || option.get_id() == "help";
        !option.is_positional() && !option.is_hide_set() && (top || !is_told_once)
    })
}

fn options(command: &Command) -> impl Iterator<Item = String> {
    own_options(command).map(argument)
}

fn argument(arg: &Arg) -> String {
    let names = [
        arg.get_short().map(|short| format!("`-{short}`")),
        arg.get_long().map(|long| format!("`--{long}`")),
    ];
    let names: Vec<String> = names.into_iter().flatten().collect();
    let mut tag = names.join(", ");
    if arg.get_action().takes_values() {
        if !tag.is_empty() {
            tag.push(' ');
        }
        tag += &value_name(arg);
    }
    let help = arg.get_long_help().or_else(|| arg.get_help());
    let mut help = sentence(&help.map(ToString::to_string).unwrap_or_default());
    if takes_many(arg) {
        help += " Can be given several times.";
    }
    let defaults: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .collect();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        help = format!("{help} Default: `{}`.", defaults.join(" "));
    }
    tagged(&tag, &help) + &possible_values(arg)
}

/// Words with a meaning as a list below, bare words in a sentence.
fn possible_values(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let values = arg.get_possible_values();
    let (told, bare): (Vec<_>, Vec<_>) = values.iter().partition(|v| v.get_help().is_some());
    let mut text = String::new();
    if !bare.is_empty() {
        let names: Vec<_> = bare.iter().map(|v| format!("`{}`", v.get_name())).collect();
        text += &prose(&format!("One of {}.", names.join(", ")));
    }
    if !told.is_empty() {
        text += ".RS\n";
        for value in told {
            let help = value.get_help().map(ToString::to_string);
            text += &tagged(
                &format!("`{}`", value.get_name()),
                &help.unwrap_or_default(),
            );
        }
        text += ".RE\n";
    }
    text
}

fn value_name(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names
        .first()
        .map_or_else(|| arg.get_id().as_str().to_uppercase(), ToString::to_string)
}

fn takes_many(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}
