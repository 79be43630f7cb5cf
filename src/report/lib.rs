//! KPI folds over the event line (spec/kpi.md).
