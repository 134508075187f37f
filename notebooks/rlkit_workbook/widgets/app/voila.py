"""What `make app` serves, and to whom: the playground's panels, to this machine alone; read by Voila as it starts."""

c = get_config()  # noqa: F821

# Nobody else reaches it, and beyond its controls there is nothing to reach: no code, no file, no other template
c.Voila.ip = "127.0.0.1"
c.Voila.tornado_settings = {"allow_remote_access": False}
c.VoilaConfiguration.file_denylist = [".*"]
c.VoilaConfiguration.allow_template_override = "NO"
c.VoilaConfiguration.allow_theme_override = "NO"

# How its page looks
c.VoilaConfiguration.template = "workbook"
c.VoilaConfiguration.resources = {"metadata": {"name": "Playground · exploration and offline reinforcement learning"}}
c.VoilaConfiguration.extension_allowlist = ["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]

# Every visitor has a kernel, which has run the notebook before they come and ends soon after they leave
c.VoilaConfiguration.preheat_kernel = True
c.VoilaConfiguration.default_pool_size = 2
c.VoilaConfiguration.multi_kernel_manager_class = "rlkit_workbook.widgets.serving.VisitorKernels"
c.Voila.kernel_websocket_connection_class = "rlkit_workbook.widgets.serving.VisitorConnection"
c.VoilaExecutor.startup_timeout = 300  # seconds: many who come at once share few cores, and what a cell shows
c.VoilaExecutor.iopub_timeout = 300  # later than that is lost
c.KernelRestarter.restart_limit = 0  # a kernel that ended has lost what it held; its page says so
c.MappingKernelManager.cull_interval = 2  # seconds
c.MappingKernelManager.cull_idle_timeout = 1800  # of a visitor who is there and does nothing
c.MappingKernelManager.cull_connected = True
