"""import-linter contract: another feature may import only a feature's public modules."""

from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class FeaturePrivacyContract(Contract):
    """Everything under `container` is private but the modules named in `public`; import-linter has no such type."""

    type_name = "feature_privacy"

    container = fields.StringField()
    public = fields.SetField(subfield=fields.StringField())
    wiring = fields.SetField(subfield=fields.StringField())  # packages that may import anything

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        # The class attributes are declarations; import-linter puts the parsed values in their place.
        container, public, wiring = (
            cast(str, self.container),
            cast(set[str], self.public),
            cast(set[str], self.wiring),
        )
        broken = []
        for feature in sorted(graph.find_children(container)):
            insiders = (feature, *wiring)
            for module in sorted({feature} | graph.find_descendants(feature)):
                if module.removeprefix(f"{feature}.").split(".")[0] in public:
                    continue
                for importer in sorted(graph.find_modules_that_directly_import(module)):
                    if not any(importer == each or importer.startswith(f"{each}.") for each in insiders):
                        broken.append((importer, module))
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, module in check.metadata["broken"]:
            output.print_error(f"- {importer} -> {module}: import its api.py instead")
