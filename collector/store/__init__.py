"""The only place that speaks SQL: schema, engines, reading and writing of facts and decisions."""
