"""A client that leaves before its answer is there."""

import asyncio
import base64
import json

from semreg_tf.serving.app import create_app
from semreg_tf.serving.batching import BatchRules, Row
from semreg_tf.serving.service import Service


def test_a_client_that_left_is_not_worked_for(fake_model, picture):
    model = fake_model()
    service = Service([model], rules=BatchRules(max_images=1, max_wait_ms=0))
    app = create_app(service)
    body = json.dumps({"instances": [{"b64": base64.b64encode(picture()).decode()}]}).encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/models/fake:predict",
        "headers": [],
        "query_string": b"",
        "client": ("::1", 1),
    }

    async def go():
        left = asyncio.Event()
        messages = [{"type": "http.request", "body": body}]

        async def receive():
            if messages:
                return messages.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            pass

        model.gate.clear()
        [running] = service.batcher.submit([Row(("fake", "serve_features"), {"features": [0]})])
        asked = asyncio.ensure_future(app(scope, receive, send))
        while service.batcher.depth < 1 or not running.running():
            await asyncio.sleep(0.001)
        left.set()
        await asked
        assert service.intake.requests == service.intake.held_bytes == 0
        model.gate.set()

    service.start()
    asyncio.run(go())
    service.close()
    assert model.batches == [("serve_features", 1)]
