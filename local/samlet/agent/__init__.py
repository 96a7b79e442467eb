"""Runs one function in a container of its own and takes its events from a Samlet elsewhere.

It is the `Sandbox` of the laptop, with a WebSocket in front of it. It needs aiohttp and psutil and nothing else of
Samlet's requirements, because it is installed beside functions (local/agent-requirements.in).
"""
