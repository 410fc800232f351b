# The server with the captioner that comes with the repository, as a user without rights:
#   docker build -t semreg-tf . && docker run --rm -p 127.0.0.1:8501:8501 semreg-tf
# Another model: mount its export and name it, as compose.yaml does.
FROM python:3.11-slim-bookworm AS wheels
COPY . /source
WORKDIR /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir=/wheels .

FROM python:3.11-slim-bookworm
RUN useradd --system --create-home --uid=10001 semreg
COPY --from=wheels /wheels /wheels
COPY constraints.txt /wheels/
RUN pip install --no-cache-dir --constraint=/wheels/constraints.txt \
    "semreg_tf[serve,heic] @ file://$(ls /wheels/semreg_tf-*.whl)"
COPY models/flickr8k_captions /models/flickr8k_captions
USER 10001
EXPOSE 8501
# Answers 503 from the moment it is told to stop, so that no new request is sent to it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/healthz')"]
# Docker kills what still runs after its own time: compose.yaml gives it as long as --drain_secs.
STOPSIGNAL SIGTERM
ENTRYPOINT ["semreg", "serve", "--host=0.0.0.0", "--port=8501"]
CMD ["--model=/models/flickr8k_captions"]
