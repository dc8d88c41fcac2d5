//! Which worker may have which build, the words for it, and leases.
#![expect(clippy::unwrap_used, reason = "a failed test is a panic")]

use ick_core::build::LeaseId;
use ick_core::name::WorkerId;
use ick_core::schedule::{
    Allows, Candidate, LEASE_LENGTH, Leases, Need, Needs, Unfit, fit, why_waiting,
};
use ick_core::time::Timestamp;

fn worker(name: &str) -> Candidate {
    Candidate {
        worker: name.parse().unwrap(),
        allows: Allows::default(),
        drained: false,
        present: true,
        slots: 1,
        busy: 0,
    }
}

const HOST: Needs = Needs {
    host: true,
    chroot: false,
    network: false,
};

const NOTHING: Allows = Allows {
    host: false,
    chroot: false,
    network: false,
};

#[test]
fn a_worker_fits_or_there_is_a_reason() {
    let free = worker("w");
    let avoid: WorkerId = "w".parse().unwrap();
    assert_eq!(fit(HOST, None, &free), Ok(()));
    assert_eq!(fit(HOST, Some(&avoid), &free), Err(Unfit::Avoided));
    let cases = [
        (
            Candidate {
                allows: NOTHING,
                drained: true,
                ..free.clone()
            },
            Unfit::NotAllowed(Need::Host),
        ),
        (
            Candidate {
                drained: true,
                busy: 1,
                ..free.clone()
            },
            Unfit::Drained,
        ),
        (
            Candidate {
                present: false,
                busy: 1,
                ..free.clone()
            },
            Unfit::Absent,
        ),
        (
            Candidate {
                busy: 1,
                ..free.clone()
            },
            Unfit::Busy,
        ),
    ];
    for (candidate, reason) in cases {
        assert_eq!(fit(HOST, None, &candidate), Err(reason), "{candidate:?}");
    }
    assert_eq!(
        fit(
            Needs::default(),
            None,
            &Candidate {
                allows: NOTHING,
                ..free
            }
        ),
        Ok(())
    );
}

#[test]
fn classes_are_the_needs() {
    for class in 0..Needs::CLASSES {
        assert_eq!(Needs::of_class(class).class(), class);
        let allows = Needs::of_class(class);
        let allows = Allows {
            host: allows.host,
            chroot: allows.chroot,
            network: allows.network,
        };
        let subsets: Vec<_> = (0..Needs::CLASSES)
            .filter(|one| one & class == *one)
            .collect();
        assert_eq!(allows.classes().collect::<Vec<_>>(), subsets);
    }
}

#[test]
fn why_a_build_waits_in_words() {
    let lost_on: WorkerId = "b".parse().unwrap();
    let (a, b) = (worker("a"), worker("b"));
    let forbids = |one: &Candidate| Candidate {
        allows: NOTHING,
        ..one.clone()
    };
    let drained = |one: &Candidate| Candidate {
        drained: true,
        ..one.clone()
    };
    let absent = |one: &Candidate| Candidate {
        present: false,
        ..one.clone()
    };
    let busy = |one: &Candidate| Candidate {
        busy: 1,
        ..one.clone()
    };
    let words = |avoid, workers: &[Candidate]| why_waiting(HOST, avoid, workers).to_string();
    let cases = [
        (None, vec![], "no worker is registered: start one"),
        (
            None,
            vec![forbids(&a)],
            "no registered worker allows actions on the host: allow it in a worker's configuration (allow_host, allow_chroot, allow_network), or change the pipeline",
        ),
        (
            None,
            vec![forbids(&a), drained(&b)],
            "every worker that could take it is drained (b): resume one",
        ),
        (
            None,
            vec![absent(&a), drained(&b)],
            "no worker that could take it has been heard of lately (a): is it running?",
        ),
        (
            None,
            vec![busy(&a), busy(&b)],
            "every worker that could take it is busy (a, b)",
        ),
        (
            Some(&lost_on),
            vec![busy(&a), b.clone()],
            "every worker that could take it is busy (a, b)",
        ),
        (
            Some(&lost_on),
            vec![absent(&a), b.clone()],
            "it was lost on b, and no other worker could take it: it goes to b again",
        ),
        (
            Some(&lost_on),
            vec![a.clone(), b.clone()],
            "a is free and takes it when it next asks",
        ),
    ];
    for (avoid, workers, expected) in cases {
        assert_eq!(words(avoid, &workers), expected);
    }
}

#[test]
fn leases_are_renewed_or_expire() {
    let at = |seconds: u64| Timestamp::from_millis(seconds * 1000);
    let mut leases = Leases::new(LEASE_LENGTH);
    let (one, two) = (LeaseId::new("1"), LeaseId::new("2"));
    assert_eq!(leases.begin(one.clone(), "a", at(0)), at(60));
    assert_eq!(leases.begin(two.clone(), "b", at(0)), at(60));
    for second in 0..60 {
        assert_eq!(leases.expired(at(second)), []);
    }
    assert_eq!(leases.renew("1", at(59)), Some(at(119)));
    assert_eq!(leases.expired(at(60)), vec![two.clone()]);
    // Not forgotten before what it means was done; and a worker that comes back by then keeps it.
    assert_eq!(leases.expired(at(61)), vec![two.clone()]);
    assert_eq!(leases.renew("2", at(61)), Some(at(121)));
    assert_eq!(leases.expired(at(62)), []);
    assert_eq!(leases.end("2"), Some("b"));
    assert_eq!(leases.renew("2", at(62)), None);
    assert_eq!(leases.get("1"), Some((&"a", at(119))));
}

#[test]
fn a_standstill_counts_against_no_lease() {
    let at = |seconds: u64| Timestamp::from_millis(seconds * 1000);
    let mut leases = Leases::new(LEASE_LENGTH);
    let one = LeaseId::new("1");
    leases.begin(one.clone(), (), at(1000));
    assert_eq!(leases.expired(at(1000)), []);
    assert_eq!(leases.expired(at(2000)), [], "the process slept");
    assert_eq!(leases.get("1"), Some((&(), at(2060))));
    assert_eq!(leases.expired(at(500)), [], "the clock went back");
    assert_eq!(leases.get("1"), Some((&(), at(560))));
    for second in 501..560 {
        assert_eq!(leases.expired(at(second)), []);
    }
    assert_eq!(leases.expired(at(560)), [one]);
}
