// Asks the API, whose address the server's boot writes, how it is.
(async () => {
  const { apiUrl } = await (await fetch('/config.json')).json();
  const answer = await fetch(`${apiUrl}/status`);
  document.getElementById('status').textContent = await answer.text();
})();
