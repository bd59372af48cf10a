# Everything but development tools. Build: docker build -t sandbox-rl .
FROM python:3.12-slim

RUN useradd --create-home sandbox
WORKDIR /home/sandbox/source
COPY . .
RUN pip install --no-cache-dir -c constraints.txt ".[all]"

USER sandbox
WORKDIR /home/sandbox
ENTRYPOINT ["sandbox"]
CMD ["--help"]
