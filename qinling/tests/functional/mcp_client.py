# SPDX-License-Identifier: Apache-2.0
"""Program over the official MCP client: prints the results of calls as JSON.

Arguments: URL, mode of the client, and JSON of headers and of calls: name,
arguments and, to ask for progress, another item.
"""

import asyncio
import json
import sys

import httpx2
import mcp
from mcp.client import streamable_http


async def call_tools(url, mode, headers, calls):
    """Return the names of the tools, and the results of calls."""
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http.streamable_http_client(
            url, http_client=http)
        async with mcp.Client(transport, mode=mode) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            results, events = [], []

            async def note_progress(progress, _total, message):
                events.append([progress, message])
            for name, arguments, *options in calls:
                result = await client.call_tool(
                    name, arguments,
                    progress_callback=note_progress if options else None)
                results.append([result.is_error, result.structured_content])
            return {'names': names, 'results': results, 'events': events}


if __name__ == '__main__':
    print(json.dumps(asyncio.run(call_tools(
        sys.argv[1], sys.argv[2], *map(json.loads, sys.argv[3:])))))
