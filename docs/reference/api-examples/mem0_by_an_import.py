"""Code that was written for mem0, with another import: no key, no model, nothing to configure.

Run it in an empty directory: python mem0_by_an_import.py
"""

from __future__ import annotations

from engram.integrations.mem0 import Memory  # was: from mem0 import Memory


def main() -> None:
    """Remember for two users, ask for one, correct, and look back."""
    with Memory({"path": "./data"}) as memory:
        talk = [
            {"role": "user", "content": "I am allergic to peanuts."},
            {"role": "assistant", "content": "I will keep that in mind."},
        ]
        added = memory.add(talk, user_id="ada", metadata={"topic": "food"})
        memory.add("I eat peanuts every day.", user_id="charles")

        found = memory.search("may I eat peanuts?", filters={"user_id": "ada"}, top_k=1)
        print("ada:", found["results"][0]["memory"])

        first = added["results"][0]["id"]
        memory.update(first, "I am allergic to peanuts and to cashews.")
        for change in memory.history(first):
            print(change["event"], change["new_memory"])

        memory.delete_all(user_id="ada")
        print("of ada:", len(memory.get_all(filters={"user_id": "ada"})["results"]))
        print("of charles:", len(memory.get_all(filters={"user_id": "charles"})["results"]))


if __name__ == "__main__":
    main()
