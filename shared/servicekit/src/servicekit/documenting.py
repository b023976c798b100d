"""The OpenAPI document as the service really behaves, and `/docs` with its assets from the package.

There may be no internet where the documentation is read.
"""

from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from servicekit.problems import MEDIA_TYPE, ProblemView

ASSETS_PATH = "/docs/assets"
_PROBLEM_RESPONSE = {
    "description": "A problem (RFC 9457), in Thai or English by `Accept-Language`; its `type` explains it.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemView"}}},
}


def install_docs(app: FastAPI) -> None:
    """Serve Swagger UI at `/docs`, on the application's own OpenAPI document."""
    app.mount(ASSETS_PATH, StaticFiles(directory=str(files("fastapi_offline") / "static")), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def get_docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=app.openapi_url or "/openapi.json",
            title=app.title,
            swagger_js_url=f"{ASSETS_PATH}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS_PATH}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS_PATH}/favicon.png",
        )


def describe_problems(app: FastAPI) -> None:
    """Let the OpenAPI document say that every error is a problem; FastAPI would promise its own 422."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            for path in document["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
                    operation["responses"]["default"] = _PROBLEM_RESPONSE
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            problem = ProblemView.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= problem.pop("$defs", {})
            schemas["ProblemView"] = problem
        return document if app.openapi_schema is None else app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the documented way to extend the document
