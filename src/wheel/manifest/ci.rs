//! The job of continuous integration that this process is part of, by the variables that each service documents. Only
//! variables of this table are read: none of them holds a secret.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Ci {
    /// The service.
    pub service: String,
    /// The repository or project, as the service names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The workflow or pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The run of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// How often it was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<String>,
    /// The job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The job's own number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// The commit that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Where it can be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A service: the variable by which it is known, with its value if that matters, and a template for each field, `{NAME}` being a
/// variable. An empty template is none.
#[derive(Debug)]
struct Service {
    name: &'static str,
    sign: (&'static str, Option<&'static str>),
    repository: &'static str,
    workflow: &'static str,
    run: &'static str,
    attempt: &'static str,
    job: &'static str,
    job_id: &'static str,
    commit: &'static str,
    url: &'static str,
}

/// From the documentation of each service ("default variables", "predefined variables", "environment variables").
/// Jenkins comes last: an agent of it may start jobs of others.
const SERVICES: &[Service] = &[
    Service {
        name: "github-actions",
        sign: ("GITHUB_ACTIONS", Some("true")),
        repository: "{GITHUB_REPOSITORY}",
        workflow: "{GITHUB_WORKFLOW_REF}",
        run: "{GITHUB_RUN_ID}",
        attempt: "{GITHUB_RUN_ATTEMPT}",
        job: "{GITHUB_JOB}",
        job_id: "",
        commit: "{GITHUB_SHA}",
        url: "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
    },
    Service {
        name: "gitlab-ci",
        sign: ("GITLAB_CI", Some("true")),
        repository: "{CI_PROJECT_PATH}",
        workflow: "",
        run: "{CI_PIPELINE_ID}",
        attempt: "",
        job: "{CI_JOB_NAME}",
        job_id: "{CI_JOB_ID}",
        commit: "{CI_COMMIT_SHA}",
        url: "{CI_JOB_URL}",
    },
    Service {
        name: "buildkite",
        sign: ("BUILDKITE", Some("true")),
        repository: "{BUILDKITE_ORGANIZATION_SLUG}/{BUILDKITE_PIPELINE_SLUG}",
        workflow: "{BUILDKITE_PIPELINE_SLUG}",
        run: "{BUILDKITE_BUILD_ID}",
        attempt: "{BUILDKITE_RETRY_COUNT}",
        job: "{BUILDKITE_LABEL}",
        job_id: "{BUILDKITE_JOB_ID}",
        commit: "{BUILDKITE_COMMIT}",
        url: "{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}",
    },
    Service {
        name: "azure-pipelines",
        sign: ("TF_BUILD", None),
        repository: "{BUILD_REPOSITORY_NAME}",
        workflow: "{BUILD_DEFINITIONNAME}",
        run: "{BUILD_BUILDID}",
        attempt: "{SYSTEM_JOBATTEMPT}",
        job: "{SYSTEM_JOBNAME}",
        job_id: "{SYSTEM_JOBID}",
        commit: "{BUILD_SOURCEVERSION}",
        url: "{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",
    },
    Service {
        name: "circleci",
        sign: ("CIRCLECI", Some("true")),
        repository: "{CIRCLE_PROJECT_USERNAME}/{CIRCLE_PROJECT_REPONAME}",
        workflow: "",
        run: "{CIRCLE_WORKFLOW_ID}",
        attempt: "",
        job: "{CIRCLE_JOB}",
        job_id: "{CIRCLE_BUILD_NUM}",
        commit: "{CIRCLE_SHA1}",
        url: "{CIRCLE_BUILD_URL}",
    },
    Service {
        name: "jenkins",
        sign: ("JENKINS_URL", None),
        repository: "",
        workflow: "{JOB_NAME}",
        run: "{BUILD_ID}",
        attempt: "",
        job: "{STAGE_NAME}",
        job_id: "",
        commit: "{GIT_COMMIT}",
        url: "{BUILD_URL}",
    },
];

impl Ci {
    /// The job in an environment.
    #[must_use]
    pub fn of(variable: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let service = SERVICES.iter().find(|service| {
            let (name, value) = service.sign;
            variable(name).is_some_and(|there| value.is_none_or(|value| there == value))
        })?;
        let fill = |template| fill(template, variable);
        Some(Self {
            service: service.name.to_owned(),
            repository: fill(service.repository),
            workflow: fill(service.workflow),
            run: fill(service.run),
            attempt: fill(service.attempt),
            job: fill(service.job),
            job_id: fill(service.job_id),
            commit: fill(service.commit),
            url: fill(service.url).map(|url| super::git::without_secrets(&url)),
        })
    }
}

/// Every variable that is read, with the service that sets it; sorted.
#[must_use]
pub fn variables() -> Vec<(&'static str, &'static str)> {
    let mut all = BTreeSet::new();
    for service in SERVICES {
        all.insert((service.sign.0, service.name));
        let Service { repository, workflow, run, attempt, job, job_id, commit, url, .. } = service;
        for template in [repository, workflow, run, attempt, job, job_id, commit, url] {
            all.extend(parts(template).filter_map(|(_, name)| Some((name?, service.name))));
        }
    }
    all.into_iter().collect()
}

/// The template with its variables; `None` if one of them is not set.
fn fill(template: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    for (text, name) in parts(template) {
        out.push_str(text);
        if let Some(name) = name {
            out.push_str(&variable(name).filter(|value| !value.is_empty())?);
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Texts, and the variable behind each.
fn parts(template: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    template
        .split('}')
        .map(|part| part.split_once('{').map_or((part, None), |(text, name)| (text, Some(name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Option<Ci> {
        let find =
            |name: &str| set.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned());
        Ci::of(&find)
    }

    #[test]
    fn a_job_is_told_by_the_variables_of_its_service() {
        let ci = of(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "a/b"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_TOKEN", "secret"),
            ("JENKINS_URL", "x"),
        ]);
        let told = ci.unwrap();
        assert_eq!(told.service, "github-actions");
        assert_eq!(told.url.as_deref(), Some("https://github.com/a/b/actions/runs/7"));
        assert_eq!((told.run.as_deref(), told.attempt), (Some("7"), None));
    }

    #[test]
    fn without_a_sign_there_is_no_job() {
        assert_eq!(of(&[("CI", "true"), ("GITHUB_RUN_ID", "7"), ("GITHUB_ACTIONS", "")]), None);
    }

    #[test]
    fn every_service_is_known_by_its_sign_and_says_where_it_runs() {
        for service in SERVICES {
            let (sign, value) = service.sign;
            let all = |name: &str| Some(if name == sign { value.unwrap_or("1") } else { "v" }.to_owned());
            let only = |name: &str| {
                let foreign = SERVICES.iter().any(|other| other.name != service.name && other.sign.0 == name);
                if foreign { None } else { all(name) }
            };
            let told = Ci::of(&only).unwrap();
            assert_eq!(told.service, service.name);
            assert!(told.run.is_some() && told.url.is_some() && told.commit.is_some(), "{told:?}");
        }
    }

    #[test]
    fn no_variable_of_the_table_is_a_secret() {
        let names = variables();
        assert!(names.len() > 30);
        for (name, _) in names {
            assert!(!["TOKEN", "PASSWORD", "SECRET", "KEY"].iter().any(|word| name.contains(word)), "{name}");
        }
    }
}
