//! Ick's controller: projects, pipelines, builds, logs, work.
