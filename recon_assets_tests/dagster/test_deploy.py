"""What `deploy/` says, as Compose, Dagster and Kubernetes read it. Containers are not run here."""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg
import jsonschema
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import RunLauncher
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster_k8s import K8sRunLauncher
from dagster_k8s.job import construct_dagster_k8s_job

from recon_assets.orchestration.celery_launcher import CeleryRunLauncher

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
STORAGE, BROKER = {"DAGSTER_PG_URL"}, {"CELERY_BROKER_URL"}
TABLES = {"RECON_SOURCE_URL", "RECON_TARGET_URL", "RECON_LEDGER_URL"}
TOLD = {
    "postgres": {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"},
    "redis": set[str](),
    "ledger": {"RECON_LEDGER_URL"},
    "code": STORAGE | TABLES,
    "web": STORAGE | BROKER | TABLES | {"RECON_WEB_USERS"},
    "daemon": STORAGE | BROKER,
    "worker": STORAGE | BROKER | TABLES,
}
"""The variables of each service: what has no tables reaches no side, and only the web knows its users."""


def read(name: str) -> dict[str, Any]:
    """A YAML file of `deploy/`."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text())
    return found


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that settings name, with URLs at which nobody answers."""
    monkeypatch.setenv("DAGSTER_PG_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "secret")
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")


def settings(folder: Path, text: str) -> InstanceRef:
    """Dagster's settings as Dagster reads them, which names the line that it does not know."""
    (folder / "dagster.yaml").write_text(text)
    return InstanceRef.from_dir(str(folder))


def launcher(ref: InstanceRef) -> RunLauncher:
    """The run launcher that they name, made with its configuration."""
    data = ref.run_launcher_data
    assert data
    return data.rehydrate(as_type=RunLauncher)  # type: ignore[type-abstract]


def test_compose_file() -> None:
    """It is sound, each service is told what it needs and no more, and no password stands in it."""
    found = read("compose/compose.yaml")
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(found, json.loads(schema.read_text()))

    assert {name: set(service.get("environment", {})) for name, service in found["services"].items()} == TOLD
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose" / "compose.yaml").read_text()))
    named = (line.partition("=")[0] for line in (DEPLOY / "compose" / ".env.example").read_text().splitlines())
    assert asked == {name for name in named if name.isidentifier()}
    mounted = {part.split(":")[0] for service in found["services"].values() for part in service.get("volumes", [])}
    there = {f"./{path.name}" for path in (DEPLOY / "compose").iterdir()} | {"postgres", "./recon.yaml"}
    assert mounted <= there


def test_settings_of_compose(tmp_path: Path, known: None) -> None:
    """Dagster takes them, launches by Celery, and has as many runs at once as there are workers."""
    text = (DEPLOY / "compose" / "dagster.yaml").read_text()

    assert isinstance(launcher(settings(tmp_path, text)), CeleryRunLauncher)
    workers = read("compose/compose.yaml")["services"]["worker"]["deploy"]["replicas"]
    assert yaml.safe_load(text)["concurrency"]["runs"] == {"max_concurrent_runs": workers}


CHART = {
    "runLauncher.config.k8sRunLauncher": "image imagePullPolicy jobNamespace loadInclusterConfig kubeconfigFile"
    " envConfigMaps envSecrets envVars volumeMounts volumes labels failPodOnRunFailure resources schedulerName"
    " securityContext runK8sConfig",
    "runLauncher.config.k8sRunLauncher.runK8sConfig": "containerConfig podSpecConfig podTemplateSpecMetadata"
    " jobSpecConfig jobMetadata",
    "dagsterDaemon": "enabled image runCoordinator heartbeatTolerance env envConfigMaps envSecrets deploymentLabels"
    " labels nodeSelector affinity tolerations podSecurityContext securityContext resources livenessProbe"
    " readinessProbe startupProbe annotations runMonitoring runRetries sensors schedules schedulerName volumeMounts"
    " volumes",
}
"""The keys that the chart's schema knows, where it refuses others; the chart itself cannot be had here."""


def snake(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of the chart as Dagster's settings spell them, as the chart's templates do."""
    return {re.sub(r"(?<=[a-z])([A-Z0-9])", r"_\1", key).lower(): value for key, value in values.items()}


def rendered(values: Mapping[str, Any], kubeconfig: Path) -> str:
    """The `dagster.yaml` that the chart makes of our values."""
    daemon, k8s = values["dagsterDaemon"], values["runLauncher"]["config"]["k8sRunLauncher"]
    database = values["postgresql"]
    storage = {
        "username": database["postgresqlUsername"],
        "password": {"env": "DAGSTER_PG_PASSWORD"},
        "hostname": database["postgresqlHost"],
        "db_name": database["postgresqlDatabase"],
        "port": database["service"]["port"],
        "params": {},
        "scheme": database["postgresqlScheme"],
    }
    config = {
        "load_incluster_config": False,  # there is none here
        "kubeconfig_file": str(kubeconfig),
        "job_namespace": "default",
        "image_pull_policy": k8s["imagePullPolicy"],
        "service_account_name": "dagster",
        "dagster_home": "/opt/dagster/dagster_home",
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": values["global"]["postgresqlSecretName"],
        "run_k8s_config": snake(k8s["runK8sConfig"]),
    }
    return yaml.safe_dump(
        {
            "storage": {"postgres": {"postgres_db": storage}},
            "run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": config},
            "run_monitoring": snake(daemon["runMonitoring"]),
            "telemetry": values["telemetry"],
            **values["additionalInstanceConfig"],
        }
    )


def test_helm_values(tmp_path: Path, known: None) -> None:
    """The chart knows the keys, Dagster takes what it makes of them, and a run's pod has the databases' secrets."""
    values = read("helm/values.yaml")
    for place, keys in CHART.items():
        part = values
        for name in place.split("."):
            part = part[name]
        assert part.keys() <= set(keys.split()), place

    context = {"name": "here", "context": {"cluster": "here", "user": "me"}}
    clusters = [{"name": "here", "cluster": {"server": "http://127.0.0.1:1"}}]
    kubeconfig = {
        "current-context": "here",
        "contexts": [context],
        "clusters": clusters,
        "users": [{"name": "me", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    found = launcher(settings(tmp_path, rendered(values, tmp_path / "kubeconfig")))
    assert isinstance(found, K8sRunLauncher)

    pod = pod_of_a_run(found, values["dagster-user-deployments"]["deployments"][0])
    (container,) = pod["containers"]
    assert [source["secret_ref"]["name"] for source in container["env_from"]] == ["recon-databases"]
    named = {item["name"] for item in container["env"]}
    assert named == {"DAGSTER_HOME", "DAGSTER_PG_PASSWORD", "DAGSTER_RUN_JOB_NAME", "RECON_TABLES"}
    assert [mount["mount_path"] for mount in container["volume_mounts"]] == ["/opt/recon"]
    assert container["resources"]["limits"] == {"memory": "2Gi"}


def pod_of_a_run(found: K8sRunLauncher, deployment: Mapping[str, Any]) -> dict[str, Any]:
    """The pod that the launcher has Kubernetes make for a run of our code location, as the chart configures it."""
    k8s = {
        "env_secrets": [secret["name"] for secret in deployment["envSecrets"]],
        "env_vars": [f"{name}={value}" for name, value in deployment["env"].items()],
        "volumes": deployment["volumes"],
        "volume_mounts": deployment["volumeMounts"],
    }
    pointer = ModuleCodePointer("recon_assets.definitions", "defs")
    image = "{repository}:{tag}".format(**deployment["image"])
    origin = RepositoryPythonOrigin("python", pointer, image, container_context={"k8s": k8s})
    run = dg.DagsterRun("job", "12345", job_code_origin=JobPythonOrigin("job", origin))
    context = found.get_container_context_for_run(run)
    job = construct_dagster_k8s_job(
        context.get_k8s_job_config(image, found),
        ["dagster", "api", "execute_run"],
        "dagster-run-12345",
        user_defined_k8s_config=context.run_k8s_config,
        env_vars=[{"name": "DAGSTER_RUN_JOB_NAME", "value": "job"}],
    )
    spec: dict[str, Any] = job.to_dict()["spec"]
    assert spec["ttl_seconds_after_finished"] == 3600
    pod: dict[str, Any] = spec["template"]["spec"]
    return pod
