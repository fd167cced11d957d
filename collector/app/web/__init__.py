"""The dashboard: ``collector serve``. The only place that knows FastAPI, uvicorn and prometheus-client."""
