//! What any implementation of the interface has to do, by examples.

use super::{
    Before, BuildFilter, BuildRecord, BuildTerms, Error, Kind, LeaseRecord, NewBuild, ObjectRecord,
    Queued, Removal, Request, Said, Stamp, WorkerRecord, Write,
};
use ick_core::build::{Artifact, BuildStatus, Event, LeaseId, State, apply};
use ick_core::definition::{Definitions, Plan, Trigger, resolve};
use ick_core::digest::Digest;
use ick_core::name::{BuildId, ProjectName};
use ick_core::schedule::Allows;
use ick_core::time::Timestamp;
use serde_json::{Map, json};
use std::sync::Arc;
use std::time::Duration;

/// One database: runs a closure in a writing transaction.
type Database<'a> =
    &'a dyn Fn(&mut dyn FnMut(&dyn Write) -> Result<(), Error>) -> Result<(), Error>;

/// What one example does with a database.
type Example = fn(Database<'_>);

/// Every example, each over an empty database.
pub(super) const EXAMPLES: &[(&str, Example)] = &[
    ("objects", objects),
    ("sets", sets),
    ("numbers", numbers),
    ("builds", builds),
    ("queue", queue),
    ("saving", saving),
    ("undone", undone),
    ("leases", leases),
    ("workers", workers),
    ("artifacts and removals", artifacts),
];

/// Runs a closure and hands its value out.
fn within<T>(database: Database<'_>, work: impl Fn(&dyn Write) -> Result<T, Error>) -> T {
    let mut value = None;
    database(&mut |tx| {
        value = Some(work(tx)?);
        Ok(())
    })
    .unwrap();
    value.unwrap()
}

pub(crate) fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + ms)
}

fn object(kind: Kind, name: &str, set: Option<&str>) -> ObjectRecord {
    ObjectRecord {
        kind,
        name: name.to_owned(),
        definition: Map::from_iter([(kind.to_string(), json!(name))]),
        made_by: set.map(str::to_owned),
        stamp: Stamp::new(&"me".parse().unwrap(), at(0)),
    }
}

/// What builds of the tests run: `true`, on the host or in a container.
pub(super) fn terms(place: &str) -> Arc<BuildTerms> {
    let text = format!(
        "projects: [{{project: p, pipelines: [q]}}]\npipelines: [{{pipeline: q, actions: [{{shell: \"true\", where: {place}}}]}}]\n"
    );
    let checked = Definitions::check(&[("file", text)]);
    let definitions = checked.definitions.unwrap();
    let project = definitions.projects.values().next().unwrap();
    let plan: Plan = resolve(project, &definitions.pipelines, &Trigger::default()).unwrap();
    Arc::new(BuildTerms::new(plan, Duration::from_secs(3600), 1).unwrap())
}

pub(crate) fn new_build(tx: &dyn Write, project: &str, place: &str, now: Timestamp) -> BuildRecord {
    let project: ProjectName = project.parse().unwrap();
    let terms = terms(place);
    let number = tx.next_number(&project).unwrap();
    tx.insert_build(NewBuild {
        id: BuildId { project, number },
        request: Request {
            triggered_by: "me".to_owned(),
            created: now,
            git_ref: Some("main".to_owned()),
            commit: None,
            reason: Some("why not".to_owned()),
        },
        state: State::new(&terms.shape, now),
        terms,
    })
    .unwrap()
}

/// Lets something happen to a build.
pub(crate) fn go(tx: &dyn Write, build: &BuildRecord, event: Event, now: Timestamp) -> BuildRecord {
    let terms = tx.terms(build).unwrap();
    let mut build = build.clone();
    build.state = apply(&terms.shape, &build.state, event, now).unwrap().0;
    tx.save_build(&mut build, &terms).unwrap();
    build
}

fn names(builds: &[BuildRecord]) -> Vec<String> {
    builds.iter().map(|build| build.id.to_string()).collect()
}

fn objects(database: Database<'_>) {
    within(database, |tx| {
        for name in ["b", "a/x", "a"] {
            tx.put_object(&object(Kind::Project, name, None))?;
        }
        tx.put_object(&object(Kind::Pipeline, "b", None))?;
        let list = |after, limit| {
            let found = tx.objects(Kind::Project, after, limit).unwrap();
            found.into_iter().map(|one| one.name).collect::<Vec<_>>()
        };
        assert_eq!(list(None, 2), ["a", "a/x"]);
        assert_eq!(list(Some("a/x"), 2), ["b"]);
        assert_eq!(tx.names(Kind::Pipeline)?, ["b"]);
        let there = tx.object(Kind::Project, "a")?.unwrap();
        assert_eq!(there, object(Kind::Project, "a", None));
        let changed = ObjectRecord {
            stamp: there.stamp.changed(&"you".parse().unwrap(), at(5)),
            ..there.clone()
        };
        tx.put_object(&changed)?;
        assert_eq!(tx.object(Kind::Project, "a")?.unwrap(), changed);
        assert_eq!(
            (changed.stamp.revision, changed.stamp.owner.as_str()),
            (2, "me")
        );
        assert_ne!(changed.stamp.version(), there.stamp.version());
        assert!(tx.delete_object(Kind::Project, "b")?);
        assert!(!tx.delete_object(Kind::Project, "b")?);
        assert!(tx.object(Kind::Pipeline, "b")?.is_some());
        Ok(())
    });
}

fn sets(database: Database<'_>) {
    within(database, |tx| {
        tx.put_object(&object(Kind::Project, "b", Some("s")))?;
        tx.put_object(&object(Kind::Project, "a", Some("s")))?;
        tx.put_object(&object(Kind::Project, "c", Some("t")))?;
        tx.put_object(&object(Kind::Project, "d", None))?;
        assert_eq!(tx.objects_of_set(Kind::Project, "s")?, ["a", "b"]);
        assert!(tx.objects_of_set(Kind::Pipeline, "s")?.is_empty());
        Ok(())
    });
}

fn numbers(database: Database<'_>) {
    within(database, |tx| {
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert_eq!((tx.next_number(&a)?, tx.next_number(&a)?), (1, 2));
        assert_eq!(tx.next_number(&b)?, 1);
        let build = new_build(tx, "a", "host", at(0));
        assert_eq!(build.id.number, 3);
        tx.delete_build(build.key)?;
        tx.delete_object(Kind::Project, "a")?;
        assert_eq!(tx.next_number(&a)?, 4);
        let next = new_build(tx, "a", "host", at(1));
        assert!(next.key > build.key, "no key is used twice");
        Ok(())
    });
}

fn builds(database: Database<'_>) {
    let made = within(database, |tx| {
        let made: Vec<_> = ["p", "q", "p", "p"]
            .iter()
            .zip(0..)
            .map(|(project, ms)| new_build(tx, project, "host", at(ms)))
            .collect();
        Ok([
            made[0].clone(),
            go(tx, &made[1], Event::Cancel, at(10)),
            go(tx, &made[2], Event::Cancel, at(11)),
            made[3].clone(),
        ])
    });
    within(database, |tx| {
        let found = tx.build(&made[0].id)?.unwrap();
        assert_eq!((found.key, &found.state), (made[0].key, &made[0].state));
        assert_eq!(found.request, made[0].request);
        assert!(found.needs.host && !found.needs.chroot && !found.needs.network);
        let terms = tx.terms(&found)?;
        assert_eq!(terms.plan.actions.len(), 2);
        assert_eq!(terms.shape.queue_timeout, Duration::from_secs(3600));
        assert!(tx.build(&"p/9".parse().unwrap())?.is_none());
        assert!(tx.build_by_key(made[3].key + 1)?.is_none());
        let list = |project: Option<&str>, status, before, limit| {
            let filter = BuildFilter {
                project: project.map(|name| name.parse().unwrap()),
                status,
            };
            names(&tx.builds(&filter, before, limit).unwrap())
        };
        assert_eq!(list(None, None, None, 9), ["p/3", "p/2", "q/1", "p/1"]);
        assert_eq!(list(None, None, Some(Before::of(&made[2])), 1), ["q/1"]);
        assert_eq!(list(Some("p"), None, None, 2), ["p/3", "p/2"]);
        assert_eq!(
            list(Some("p"), None, Some(Before::of(&made[2])), 2),
            ["p/1"]
        );
        assert_eq!(list(Some("none"), None, None, 2), [""; 0]);
        let cancelled = Some(BuildStatus::Cancelled);
        assert_eq!(list(None, cancelled, None, 9), ["p/2", "q/1"]);
        assert_eq!(list(Some("p"), cancelled, None, 9), ["p/2"]);
        assert_eq!(
            list(Some("p"), cancelled, Some(Before::of(&made[2])), 9),
            [""; 0]
        );
        let p: ProjectName = "p".parse().unwrap();
        let q: ProjectName = "q".parse().unwrap();
        assert_eq!(tx.next_build(&p)?, Some(made[0].id.clone()));
        assert_eq!(tx.next_build(&q)?, None);
        assert_eq!(tx.unfinished_build(&p)?, Some(made[0].id.clone()));
        assert_eq!(tx.unfinished_build(&q)?, None);
        tx.remember_trigger(&p, "me", "k", made[0].key)?;
        assert_eq!(tx.triggered_with(&p, "me", "k")?, Some(made[0].key));
        assert_eq!(tx.triggered_with(&q, "me", "k")?, None);
        assert_eq!(tx.triggered_with(&p, "you", "k")?, None);
        tx.delete_build(made[0].key)?;
        assert!(tx.build(&made[0].id)?.is_none());
        assert_eq!(tx.triggered_with(&p, "me", "k")?, None);
        Ok(())
    });
}

fn queue(database: Database<'_>) {
    within(database, |tx| {
        let first = new_build(tx, "p", "host", at(0));
        let boxed = new_build(tx, "p", "container", at(1));
        let last = new_build(tx, "p", "host", at(2));
        let class = first.needs.class();
        let keys = |class, limit| {
            let queued = tx.queued(class, limit).unwrap();
            queued.into_iter().map(|one| one.key).collect::<Vec<_>>()
        };
        assert_eq!(tx.count(BuildStatus::Triggered)?, 3);
        assert_eq!(keys(class, 9), [first.key, last.key]);
        assert_eq!(keys(class, 1), [first.key]);
        assert_eq!(keys(boxed.needs.class(), 9), [boxed.key]);
        assert_eq!(tx.due(at(3_599_999), 9)?, [0; 0]);
        assert_eq!(tx.due(at(3_600_001), 9)?, [first.key, boxed.key]);
        let lease = LeaseId::new("l");
        let event = Event::HandOut {
            worker: "w".parse().unwrap(),
            slot: 1,
            lease: lease.clone(),
        };
        let first = go(tx, &first, event, at(5));
        assert_eq!(tx.count(BuildStatus::Triggered)?, 2);
        assert_eq!(tx.count(BuildStatus::Building)?, 1);
        assert_eq!(keys(class, 9), [last.key]);
        let due = first.state.due(&tx.terms(&first)?.shape).unwrap();
        assert_eq!(tx.due(at(3_600_001), 9)?, [boxed.key]);
        assert!(tx.due(due, 9)?.contains(&first.key));
        go(tx, &first, Event::LeaseExpired { lease }, at(6));
        let again = Queued {
            key: first.key,
            avoid: Some("w".parse().unwrap()),
        };
        assert_eq!(tx.queued(class, 1)?, [again]);
        assert_eq!(tx.count(BuildStatus::Triggered)?, 3);
        tx.delete_build(last.key)?;
        assert_eq!(tx.count(BuildStatus::Triggered)?, 2);
        assert_eq!(tx.count(BuildStatus::Building)?, 0);
        Ok(())
    });
}

fn saving(database: Database<'_>) {
    within(database, |tx| {
        let build = new_build(tx, "p", "host", at(0));
        let terms = tx.terms(&build)?;
        let mut first = build.clone();
        tx.save_build(&mut first, &terms)?;
        assert_eq!(first.revision, build.revision + 1);
        let mut second = build.clone();
        let refused = tx.save_build(&mut second, &terms);
        assert!(matches!(refused, Err(Error::Changed(_))), "{refused:?}");
        Ok(())
    });
}

fn undone(database: Database<'_>) {
    let wrong = || Error::Damaged("on purpose".to_owned());
    let refused = database(&mut |tx| {
        new_build(tx, "p", "host", at(0));
        tx.put_object(&object(Kind::Project, "p", None))?;
        Err(wrong())
    });
    assert!(matches!(refused, Err(Error::Damaged(_))));
    within(database, |tx| {
        assert!(tx.object(Kind::Project, "p")?.is_none());
        assert!(tx.builds(&BuildFilter::default(), None, 9)?.is_empty());
        // What was undone is not remembered under a key that is given again.
        let build = new_build(tx, "p", "container", at(1));
        assert_eq!(build.id.number, 1);
        assert!(!tx.terms(&build)?.plan.needs.host);
        Ok(())
    });
}

fn leases(database: Database<'_>) {
    within(database, |tx| {
        let build = new_build(tx, "p", "host", at(0));
        let lease = LeaseRecord {
            lease: LeaseId::new("l"),
            worker: "w".parse().unwrap(),
            slot: 2,
            build: build.key,
            run: "1".to_owned(),
            epoch: 1,
        };
        tx.insert_lease(&lease)?;
        assert_eq!(tx.lease_of(&lease.worker, 2)?, Some(lease.clone()));
        assert_eq!(tx.lease_of(&lease.worker, 1)?, None);
        assert_eq!(tx.leases()?, std::slice::from_ref(&lease));
        let other = LeaseId::new("m");
        let refused = tx.delete_lease(&lease.worker, 2, &other);
        assert!(matches!(refused, Err(Error::Changed(_))), "{refused:?}");
        tx.delete_lease(&lease.worker, 2, &lease.lease)?;
        assert!(tx.leases()?.is_empty());
        Ok(())
    });
}

pub(super) fn worker(name: &str) -> WorkerRecord {
    WorkerRecord {
        worker: name.parse().unwrap(),
        said: Said {
            keywords: vec!["fast".to_owned()],
            slots: 3,
            allows: Allows {
                host: true,
                chroot: false,
                network: true,
            },
            protocol: 1,
            rest: Map::from_iter([("colour".to_owned(), json!("red"))]),
        },
        drained: true,
        last_seen: None,
        stamp: Stamp::new(&name.parse().unwrap(), at(0)),
    }
}

fn workers(database: Database<'_>) {
    within(database, |tx| {
        let (a, b) = (worker("a"), worker("b"));
        tx.put_worker(&b)?;
        tx.put_worker(&a)?;
        assert_eq!(tx.workers()?, [a.clone(), b.clone()]);
        tx.seen(&[(a.worker.clone(), at(7)), ("gone".parse().unwrap(), at(7))])?;
        let seen = tx.worker(&a.worker)?.unwrap();
        assert_eq!(seen.last_seen, Some(at(7)));
        assert_eq!(seen.stamp, a.stamp);
        assert!(tx.delete_worker(&a.worker)?);
        assert!(!tx.delete_worker(&a.worker)?);
        assert_eq!(tx.worker(&a.worker)?, None);
        Ok(())
    });
}

fn artifacts(database: Database<'_>) {
    within(database, |tx| {
        let first = new_build(tx, "p", "host", at(0));
        let second = new_build(tx, "p", "host", at(1));
        let artifact = |name: &str, byte| Artifact {
            name: name.parse().unwrap(),
            digest: Digest::from_bytes([byte; 32]),
            size: 5,
        };
        let (shared, own) = (artifact("a", 1), artifact("a", 2));
        tx.record_artifact(first.key, &shared)?;
        tx.record_artifact(first.key, &shared)?;
        tx.record_artifact(first.key, &own)?;
        tx.record_artifact(second.key, &shared)?;
        let only = |key| tx.artifacts_of_only(key);
        assert_eq!(only(first.key)?, [(own.name.clone(), own.digest)]);
        assert_eq!(only(second.key)?, []);
        tx.delete_build(first.key)?;
        assert!(!tx.is_recorded(&own.name, &own.digest)?);
        assert!(tx.is_recorded(&shared.name, &shared.digest)?);
        assert_eq!(only(second.key)?, [(shared.name.clone(), shared.digest)]);

        let removals = [
            Removal::Log(first.id.clone()),
            Removal::Blob(own.name.clone(), own.digest),
        ];
        for removal in &removals {
            tx.insert_removal(removal, at(10))?;
        }
        assert!(tx.removals(at(9), 9)?.is_empty());
        let due = tx.removals(at(10), 9)?;
        let found: Vec<_> = due.iter().map(|one| one.what.clone()).collect();
        assert_eq!(found, removals);
        tx.put_off_removal(due[0].id, at(20))?;
        tx.delete_removal(due[1].id)?;
        assert!(tx.removals(at(19), 9)?.is_empty());
        let later = tx.removals(at(20), 9)?;
        assert_eq!((later.len(), later[0].tries), (1, 1));
        Ok(())
    });
}
