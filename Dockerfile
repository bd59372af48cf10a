# Everything but development tools. Build: docker build -t sandbox-rl .
FROM python:3.12-slim

# What the wheels of SUMO are linked to, and EGL, with which MuJoCo renders without a screen.
RUN apt-get update && apt-get install --yes --no-install-recommends \
        libatomic1 libegl1 libexpat1 libgl1 libx11-6 libxext6 libxrender1 \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 1000 sandbox
WORKDIR /home/sandbox/source
COPY . .
RUN pip install --no-cache-dir -c constraints.txt ".[all]"

USER sandbox
WORKDIR /home/sandbox
ENTRYPOINT ["sandbox"]
CMD ["--help"]
