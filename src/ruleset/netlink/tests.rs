//! Answers taken apart, and bytes that are none.

use super::*;
use proptest::prelude::*;

#[test]
fn an_error_answer_carries_its_errno() {
    let mut bytes = 36_u32.to_ne_bytes().to_vec();
    bytes.extend(2_u16.to_ne_bytes());
    bytes.extend([0; 10]);
    bytes.extend((-1_i32).to_ne_bytes());
    bytes.extend([0; 16]);
    assert_eq!(messages(&bytes).collect::<Vec<_>>(), [Message::Refused(1)]);
}

#[test]
fn each_answer_to_a_batch_names_its_message() {
    let mut bytes = Vec::new();
    for (sequence, errno) in [(3_u32, 0_i32), (7, -2)] {
        bytes.extend(36_u32.to_ne_bytes());
        bytes.extend(2_u16.to_ne_bytes());
        bytes.extend(0_u16.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(errno.to_ne_bytes());
        bytes.extend([0; 16]);
    }
    let answers = acknowledgements(&bytes).into_iter();
    let answers: Vec<_> = answers.map(|a| (a.sequence, a.errno)).collect();
    assert_eq!(answers, [(3, 0), (7, 2)]);
}

proptest! {
    #[test]
    fn hostile_bytes_end_the_reading(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for message in messages(&bytes) {
            if let Message::Object(body) = message {
                let _ = attributes(body).count();
            }
        }
        let _ = attributes(&bytes).count();
        let _ = objects(&bytes).count();
        let _ = is_whole(&bytes);
        let _ = acknowledgements(&bytes);
    }
}

#[test]
fn a_dump_is_thinned_out() {
    let message = |kind: u16, family: u8| {
        let mut bytes = 24_u32.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend([family, 0, 0, 0, family, 0, 0, 0]);
        bytes[20..24].copy_from_slice(&[4, 0, family, 0]);
        bytes
    };
    let dump = [message(2560, 2), message(2560, 10), message(DONE, 0)].concat();
    let some = kept(&dump, |object| object.family == 10);
    assert_eq!(some, [message(2560, 10), message(DONE, 0)].concat());
    assert_eq!(kept(&dump, |_| true), dump);
    assert!(is_whole(&kept(&dump, |_| false)));
}
