//! Points in time, for people.

/// A point in time, in seconds since 1970, as `2026-11-26 14:03:12 UTC`.
#[must_use]
pub fn utc(seconds: u64) -> String {
    format!("{} UTC", date_and_time(seconds))
}

/// The same in UTC without saying so, as `2026-11-26 14:03:12`.
#[must_use]
pub fn date_and_time(seconds: u64) -> String {
    let (year, month, day) = date(seconds / 86_400);
    format!("{year:04}-{month:02}-{day:02} {}", clock(seconds))
}

/// Its time of day alone, as `14:03:12 UTC`.
#[must_use]
pub fn time_of_day(seconds: u64) -> String {
    format!("{} UTC", clock(seconds))
}

fn clock(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

/// Year, month and day of a day since 1970 (Howard Hinnant's `civil_from_days`): years begin in March,
/// so that the leap day is their last, and 400 of them have 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        // date -u -d @N
        for (seconds, words) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_772_323_199, "2026-02-28 23:59:59 UTC"),
            (1_795_719_078, "2026-11-26 18:51:18 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(seconds), words);
        }
    }
}
