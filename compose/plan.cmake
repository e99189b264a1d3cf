# The planner: what exists, what is wanted, the steps between them, and running those.
list(APPEND compose_sources
    backend-record.c drift.c graph.c graph-print.c model-diff.c model-value.c plan.c plan-container.c plan-decide.c plan-emit.c
    plan-applied.c plan-down.c plan-existing.c plan-identity.c plan-images.c plan-print.c plan-resource.c plan-up.c plan-verb.c run.c
    run-step.c state.c)
