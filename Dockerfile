# The lessons for a hub, or for one machine:
#   docker build -t styledit .
#   docker build -t styledit --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126 .
#   docker run -p 8888:8888 styledit          add --gpus all for the second one
# PyTorch comes as its CPU build unless another index is named. A hub starts its own command in the image.
FROM python:3.12-slim
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN useradd --create-home --uid 1000 jovyan && mkdir /lessons && chown jovyan /lessons
WORKDIR /styledit
COPY . .
RUN pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" --constraint lock.txt --editable ".[lab,recipe]" jupyterhub
USER jovyan
WORKDIR /lessons
EXPOSE 8888
CMD ["styledit", "lab", ".", "--ip=0.0.0.0", "--no-browser"]
